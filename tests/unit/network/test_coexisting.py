"""What is read of others' firewalls."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.linux.netlink import text
from wharf.linux.nftables_events import tables_in
from wharf.network import coexisting, legacy
from wharf.network.watching import concerns_us

TABLE = """table ip filter { # handle 5
	chain INPUT { # handle 1
		type filter hook input priority filter; policy drop;
	}
	chain FORWARD { # handle 2
		type filter hook forward priority filter; policy %s;
		iifname "br0" counter packets 0 bytes 0 accept comment "wharf" # handle 7
		oifname "br0" counter packets 9 bytes 1 accept comment "wharf" # handle 8
		iifname "br00" counter packets 0 bytes 0 accept comment "wharf" # handle 9
		iifname "br0" counter packets 0 bytes 0 accept comment "mine" # handle 10
	}
}
"""


@pytest.mark.parametrize(("policy", "drops"), [("drop", True), ("accept", False)])
def test_a_forward_policy(policy: str, drops: bool) -> None:
    assert coexisting.drops_by_policy(TABLE % policy) is drops


def test_our_rules_are_found_and_nobody_elses() -> None:
    assert coexisting.handles_of(TABLE % "drop", "br0") == [7, 8]
    assert coexisting.handles_of(TABLE % "drop", "br1") == []


OURS = [f"-A FORWARD {side} br0 -m comment --comment wharf -j ACCEPT" for side in ("-i", "-o")]
MINE = "-A FORWARD -i eth0 -j DROP"


@pytest.mark.parametrize(
    ("listing", "lacking"),
    [
        (["-P FORWARD ACCEPT"], 0),
        (["-P FORWARD DROP"], 2),
        (["-P FORWARD DROP", MINE, *OURS], 0),
        (["-P FORWARD DROP", OURS[0]], 1),
        (["-P FORWARD DROP", OURS[0].replace("br0", "br00")], 2),
    ],
)
def test_what_iptables_legacy_lacks(listing: list[str], lacking: int) -> None:
    assert len(legacy.missing(listing, "br0")) == lacking


def notice(kind: int, table: str, *, subsystem: int = 10) -> bytes:
    body = bytes(4) + text(1, table)
    return struct.pack("=IHHII", 16 + len(body), subsystem << 8 | kind, 0, 0, 0) + body


def test_tables_that_lost_something() -> None:
    packet = notice(2, "wharf_br0") + notice(8, "filter") + notice(6, "new rule") + notice(2, "other", subsystem=1)
    assert list(tables_in(packet)) == ["wharf_br0", "filter"]


@given(st.binary(max_size=200))
def test_any_packet_ends(data: bytes) -> None:
    list(tables_in(data))


@pytest.mark.parametrize(
    ("tables", "ours"), [(None, True), (set(), False), ({"wharf_br0"}, True), ({"filter"}, True), ({"others"}, False)]
)
def test_what_concerns_us(tables: set[str] | None, ours: bool) -> None:
    assert concerns_us(tables) is ours
