"""A set as nft 1.1 describes it: the library of nft 1.0.6 dies when it reads that, and whoever has loaded it."""

import errno
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from harness.world import World, attached, new_namespace, rules, run, settings
from wharf.linux import nfnetlink, nftables_sets
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import NLM_F_CREATE, NLMSG_ERROR, attribute, frame, text
from wharf.linux.nftables import Nftables, NftablesError
from wharf.network.bridge import BridgeNetwork
from wharf.network.contract import PortRequest

pytestmark = pytest.mark.kernel

_NEW_SET, _DELETE_SET = 10 << 8 | 9, 10 << 8 | 11
#: `type ipv4_addr`, in words: kind and length, and the number of an expression that 1.0.6 does not know.
IN_WORDS = bytes.fromhex("00040200000003080004040000000100")
PLAIN = bytes.fromhex("000402000000")


def in_order(work: Callable[[], None]) -> None:
    work()


def make_set(table: str, name: str, description: bytes) -> None:
    numbers = (attribute(kind, struct.pack("!I", value)) for kind, value in ((3, 0), (4, 7), (5, 4), (10, 1)))
    body = text(1, table) + text(2, name) + b"".join(numbers) + attribute(13, description)
    nfnetlink.transact([(_NEW_SET, NLM_F_CREATE, body)], in_order)


def delete_set(table: str, name: str) -> None:
    nfnetlink.transact([(_DELETE_SET, 0, text(1, table) + text(2, name))], in_order)


@pytest.fixture(autouse=True)
def elsewhere() -> Iterator[None]:
    with ExitStack() as stack, inside_network(new_namespace(stack)):
        for table in ("theirs", "wharf_br0"):
            nfnetlink.transact([nfnetlink.new_table(table)], in_order)
        yield


def survives() -> bool:
    """Whether the library of this machine does."""
    program = "import ctypes; l = ctypes.CDLL('libnftables.so.1'); l.nft_ctx_new.restype = ctypes.c_void_p; "
    program += "l.nft_run_cmd_from_buffer(ctypes.c_void_p(l.nft_ctx_new(0)), b'list tables')"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def works(nftables: Nftables) -> bool:
    try:
        return "table ip theirs" in nftables.run("list tables")
    except NftablesError as error:
        assert "a newer nft has made sets" in str(error)
        return False


@pytest.mark.parametrize("table", ["theirs", "wharf_br0"])
@pytest.mark.parametrize("before", [True, False], ids=["there before us", "made later"])
def test_it_is_an_error_and_no_death(before: bool, table: str) -> None:
    if before:
        make_set(table, "words", IN_WORDS)
    with Nftables() as nftables:
        if not before:
            assert works(nftables)
            make_set(table, "words", IN_WORDS)
        for _ in range(2):
            assert works(nftables) is survives()
        delete_set(table, "words")
        assert works(nftables), "it is read again when that has gone"


def test_nothing_is_tried_for_sets_that_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    make_set("theirs", "plain", PLAIN)
    with Nftables() as nftables:
        nftables.run("add map ip wharf_br0 ports { type inet_service : ipv4_addr; }")
        assert works(nftables)
        monkeypatch.setattr(sys, "executable", os.devnull)  # nothing can be tried
        nftables.run("add map ip wharf_br0 more { type inet_service : ipv4_addr; }")
        nftables.run("add element ip wharf_br0 ports { 80 : 192.0.2.1 }")
        assert works(nftables) and "192.0.2.1" in rules()
        make_set("theirs", "words", IN_WORDS)
        with pytest.raises(NftablesError, match="Permission denied"):
            nftables.run("list tables")


def test_a_trial_that_could_not_be_made_is_no_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    make_set("theirs", "words", IN_WORDS)
    with Nftables() as nftables:
        monkeypatch.setattr(sys, "executable", "/bin/false")
        for _ in range(2):
            with pytest.raises(NftablesError, match="its process ended with 1"):
                nftables.run("list tables")


def test_what_was_survived_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words that this machine's own library has."""
    with Nftables() as nftables:
        nftables.run("add set ip theirs first { typeof ip saddr; }")
        assert works(nftables)
        monkeypatch.setattr(sys, "executable", "/bin/false")
        nftables.run("add set ip wharf_br0 second { typeof ip saddr; }")
        assert works(nftables)
        nftables.run("add set ip wharf_br0 third { typeof ip daddr . tcp dport; }")
        with pytest.raises(NftablesError, match="its process ended with 1"):
            nftables.run("list tables")


def test_a_second_network_of_ours_costs_no_trial(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        kernel = world.kernel()
        for number in (0, 1):
            network = BridgeNetwork(os.urandom(32).hex(), settings(f"br{number}", f"172.30.{number}.1/24"), kernel)
            await network.open()
            assert network.unavailable == ""
            await attached(world, network, PortRequest(80, "tcp", host_port=8080 + number))
            await kernel.do(lambda: kernel.nftables().run("list tables"))
            monkeypatch.setattr(sys, "executable", os.devnull)  # nothing can be tried any more

    run(body)


def test_sets_are_found_among_more_than_one_packet_holds() -> None:
    for number in range(600):
        make_set("theirs", f"plain{number}", PLAIN)
    assert not list(nftables_sets.listed())
    make_set("wharf_br0", "words", IN_WORDS)
    assert len(list(nftables_sets.listed())) == 1


def test_each_change_has_a_number() -> None:
    before = nftables_sets.generation()
    assert nftables_sets.generation() == before
    make_set("theirs", "plain", PLAIN)
    assert nftables_sets.generation() != before


def test_a_refused_listing_is_no_empty_one() -> None:
    refused = frame(NLMSG_ERROR, 0, 1, struct.pack("=i", -errno.EPERM) + bytes(16))
    with pytest.raises(PermissionError):
        nftables_sets._ends(refused)
