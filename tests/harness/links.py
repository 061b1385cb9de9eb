"""Which kinds of links this machine's kernel can make."""

import subprocess
from contextlib import ExitStack

import pytest

from harness.world import ip, new_namespace
from wharf.linux.namespaces import inside_network


def has(kind: str) -> bool:
    """Whether this kernel knows a kind of link."""
    with ExitStack() as stack, inside_network(new_namespace(stack)):
        ip("link", "add", "a0", "type", "veth", "peer", "name", "a1")
        more = ("id", "7") if kind == "vlan" else ()
        words = ["ip", "link", "add", "link", "a0", "name", "b0", "type", kind, *more]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0


needs_ipvlan = pytest.mark.skipif(not has("ipvlan"), reason="this kernel has no ipvlan")
needs_vlan = pytest.mark.skipif(not has("vlan"), reason="this kernel has no 802.1Q")
