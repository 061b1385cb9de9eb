"""A listing of all rules, also where libnftables 1.0.6 reads freed memory: for tables with exactly one flag."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.world import new_namespace
from wharf.linux.namespaces import inside_network
from wharf.linux.nftables import Nftables, NftablesError, all_rules

pytestmark = pytest.mark.kernel

#: Memory that is let go of is overwritten.
_OVERWRITTEN = {"GLIBC_TUNABLES": "glibc.malloc.perturb=165"}


@pytest.fixture(autouse=True)
def nftables() -> Iterator[Nftables]:
    """Whose tables are in a namespace of their own."""
    with ExitStack() as stack, inside_network(new_namespace(stack)), Nftables() as made:
        yield made


@pytest.mark.parametrize("rules", [1, 2000])
def test_tables_with_a_flag(nftables: Nftables, monkeypatch: pytest.MonkeyPatch, rules: int) -> None:
    flags = ("owner", "dormant")
    for flag in flags:
        accepts = "accept\n" * rules
        nftables.run(f"table inet with_{flag} {{\n flags {flag}\n chain here {{\n {accepts} }}\n}}\n")
    for more in ({}, _OVERWRITTEN):
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        listed = json.loads(all_rules())["nftables"]
        tables = {one["table"]["name"]: one["table"]["flags"] for one in listed if "table" in one}
        assert tables == {f"with_{flag}": flag for flag in flags}
        assert sum("rule" in one for one in listed) == len(flags) * rules
    assert all_rules(as_text=True).count("accept # handle") == len(flags) * rules


def test_its_death_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\nkill -ABRT $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    with pytest.raises(NftablesError, match="dies of listing all rules"):
        all_rules()
