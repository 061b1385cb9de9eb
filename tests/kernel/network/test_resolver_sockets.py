"""How queries come to the resolver of a namespace: rules that we write ourselves, as nft reads them."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from harness.world import new_namespace
from wharf.linux import nfnetlink
from wharf.linux.namespaces import inside_network
from wharf.linux.nftables import Nftables, NftablesError
from wharf.network.dns.sockets import Sockets, open_sockets

pytestmark = pytest.mark.kernel


def at_once(work: Callable[[], None]) -> None:
    work()


def test_what_a_container_has_made_of_its_table_is_made_good() -> None:
    with ExitStack() as stack:
        namespace = new_namespace(stack)
        for mess in ("delete chain ip wharf_dns asking", "add chain ip wharf_dns more"):
            first = open_sockets(namespace, at_once)
            stack.callback(first.close)
            with inside_network(namespace):
                subprocess.run(["nft", *mess.split()], check=True)
            sockets = open_sockets(namespace, at_once, again=True, ports=first.ports)  # which are taken
            stack.callback(sockets.close)
            udp = sockets.datagrams.getsockname()[1]
            assert f"udp dport 53 dnat to 127.0.0.11:{udp}\n" in ruleset(namespace)


def ruleset(namespace: int) -> str:
    with inside_network(namespace):
        return subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout


def expected(sockets: Sockets) -> str:
    udp, tcp = sockets.ports
    return f"""table ip wharf_dns {{
	chain asking {{
		type nat hook output priority -100; policy accept;
		ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:{udp}
		ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:{tcp}
	}}
}}
"""


def test_the_rules_are_what_nft_would_have_made() -> None:
    with ExitStack() as stack:
        namespace = new_namespace(stack)
        # The second takes the place of what a killed wharfd has left, whether or not that was expected.
        for again in (True, True, False):
            sockets = open_sockets(namespace, at_once, again=again)
            stack.callback(sockets.close)
            assert ruleset(namespace) == expected(sockets)
        with inside_network(namespace):
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stack.callback(asking.close)
        asking.sendto(b"question", ("127.0.0.11", 53))
        sockets.datagrams.settimeout(2)
        data, peer = sockets.datagrams.recvfrom(100)
        sockets.datagrams.sendto(data, peer)
        asking.settimeout(2)
        assert asking.recvfrom(100) == (b"question", ("127.0.0.11", 53))


def test_the_rules_of_a_wharfd_before_us_go_on_leading_to_the_same_ports() -> None:
    with ExitStack() as stack:
        namespace = new_namespace(stack)
        before = open_sockets(namespace, at_once)
        ports, rules = before.ports, ruleset(namespace)
        before.close()
        after = open_sockets(namespace, at_once, again=True, ports=ports)
        stack.callback(after.close)
        assert (after.ports, ruleset(namespace)) == (ports, rules)


@pytest.mark.parametrize("mess", ["flush ruleset", "flush chain ip wharf_dns asking", "delete table ip wharf_dns"])
def test_rules_that_are_gone_are_made_anew(mess: str) -> None:
    with ExitStack() as stack:
        namespace = new_namespace(stack)
        before = open_sockets(namespace, at_once)
        ports = before.ports
        before.close()
        with inside_network(namespace):
            subprocess.run(["nft", *mess.split()], check=True)
        after = open_sockets(namespace, at_once, again=True, ports=ports)
        stack.callback(after.close)
        assert ruleset(namespace) == expected(after)


def test_what_the_kernel_refuses_changes_nothing() -> None:
    with ExitStack() as stack:
        namespace = new_namespace(stack)
        with inside_network(namespace), pytest.raises(FileNotFoundError):
            nfnetlink.transact(
                [nfnetlink.new_table("here"), nfnetlink.translation("nowhere", "x", 17, b"\x7f\0\0\x01", 53, 54)],
                at_once,
            )
        assert ruleset(namespace) == ""


@contextmanager
def files(count: int) -> Iterator[None]:
    opened = [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(count)]
    try:
        yield
    finally:
        for one in opened:
            os.close(one)


def test_a_process_with_many_open_files() -> None:
    """libnftables would end it: the rules of containers are made without, and all else says no."""
    with ExitStack() as stack:
        namespace = new_namespace(stack)
        with files(1100):
            sockets = open_sockets(namespace, at_once)
            stack.callback(sockets.close)
            assert ruleset(namespace) == expected(sockets)
            with pytest.raises(NftablesError, match="too many open files"):
                Nftables()
