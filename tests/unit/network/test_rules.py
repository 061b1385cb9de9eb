"""What chains of nftables make of packets of which not all is known."""

import json
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.network import hurdles, others, xt_text
from wharf.network.conditions import Packet
from wharf.network.facts import Chain, Service, World
from wharf.network.hurdles import Flow
from wharf.network.rules import Fate, Table

Statement = dict[str, Any]
ACCEPT: Statement = {"accept": None}
DROP: Statement = {"drop": None}
REJECT: Statement = {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}


def asks(left: Statement, right: Any, op: str = "==") -> Statement:
    return {"match": {"op": op, "left": left, "right": right}}


def meta(key: str, right: Any, op: str = "==") -> Statement:
    return asks({"meta": {"key": key}}, right, op)


def header(protocol: str, name: str, right: Any, op: str = "==") -> Statement:
    return asks({"payload": {"protocol": protocol, "field": name}}, right, op)


def jump(target: str, how: str = "jump") -> Statement:
    return {how: {"target": target}}


STATE = {"ct": {"key": "state"}}
STATUS = {"ct": {"key": "status"}}
ORIGINAL = {"ct": {"key": "proto-dst", "dir": "original"}}
RANGE = {"prefix": {"addr": "192.0.2.0", "len": 24}}
PACKET = Packet(
    incoming="eth0",
    outgoing="br0",
    protocol="tcp",
    port=80,
    asked=8080,
    source=ip_address("192.0.2.7"),
    target=ip_address("172.18.0.2"),
)
UNKNOWN = Packet()

#: A rule's conditions, and whether they match PACKET, and a packet of IPv4 of which nothing is known.
CONDITIONS: list[tuple[list[Statement], bool | None, bool | None]] = [
    ([], True, True),
    ([meta("iifname", "eth0")], True, None),
    ([meta("iifname", "eth1")], False, None),
    ([meta("iifname", "eth*")], True, None),
    ([meta("iifname", "eth1", "!=")], True, None),
    ([meta("iif", {"set": ["lo", "eth0"]})], True, None),
    ([meta("oifname", {"set": []})], False, False),
    ([meta("nfproto", "ipv6")], False, False),
    ([meta("l4proto", {"set": ["icmp", "ipv6-icmp"]})], False, None),
    ([meta("mark", 7)], None, None),
    ([header("tcp", "dport", 80)], True, None),
    ([header("tcp", "dport", {"set": [22, {"range": [79, 81]}]})], True, None),
    ([header("tcp", "dport", {"range": [81, 90]})], False, None),
    ([header("udp", "dport", 80)], False, None),
    ([header("th", "dport", 80)], True, None),
    ([header("tcp", "sport", 1024)], None, None),
    ([header("ip", "saddr", RANGE)], True, None),
    ([header("ip", "saddr", RANGE, "!=")], False, None),
    ([header("ip", "daddr", {"range": ["172.18.0.1", "172.18.0.9"]})], True, None),
    ([header("ip", "daddr", "172.18.0.3")], False, None),
    ([header("ip", "protocol", "tcp")], True, None),
    ([header("ip6", "daddr", "fe80::1")], False, False),
    ([header("ether", "saddr", "02:42:ac:12:00:02")], None, None),
    ([asks(ORIGINAL, 8080)], True, None),
    ([asks(ORIGINAL, 80)], False, None),
    ([header("ip6", "daddr", "fe80::1", "!=")], False, False),
    ([header("icmp", "type", "echo-request")], False, None),
    ([asks(STATE, ["established", "related"], "in")], False, False),
    ([asks(STATE, {"set": ["new", "untracked"]}, "in")], True, True),
    ([asks(STATUS, "dnat", "in")], False, False),
    ([header("ip", "saddr", "@friends")], True, None),
    ([header("ip", "saddr", "@nobody")], False, False),
    ([header("ip", "saddr", "@elsewhere")], None, None),
    ([asks({"concat": [{"meta": {"key": "mark"}}]}, "@friends")], None, None),
    ([{"counter": {"packets": 1, "bytes": 2}}, {"log": {"prefix": "x"}}], True, True),
    ([{"limit": {"rate": 3, "per": "minute"}}], None, None),
    ([{"xt": None}], None, None),
    ([{"xt": {"type": "match", "name": "owner"}}], None, None),
    ([asks({"fib": {"result": "type", "flags": ["daddr"]}}, "local")], False, False),
    ([meta("iifname", "eth1"), meta("mark", 7)], False, None),
    ([asks({"meta": {"key": "iifname"}}, "eth0", "<")], None, None),
]
SETS: dict[str, Any] = {"friends": [{"elem": {"val": RANGE, "timeout": 60}}], "nobody": []}


@pytest.mark.parametrize(("conditions", "known", "unknown"), CONDITIONS)
def test_conditions(conditions: list[Statement], known: bool | None, unknown: bool | None) -> None:
    table = Table({"base": [[*conditions, DROP]]}, SETS)
    for packet, matches in ((PACKET, known), (UNKNOWN, unknown)):
        fate = table.fate("base", packet, drops=False)
        assert fate.passes is (None if matches is None else not matches)
        assert bool(fate.depends) is (matches is None)


def test_a_published_port_is_known_by_its_translation() -> None:
    table = Table({"base": [[asks(STATUS, "dnat", "in"), ACCEPT]]})
    passed = [table.fate("base", Packet(translated=translated), drops=True).passes for translated in (True, False)]
    assert passed == [True, False]


SSH = header("tcp", "dport", 22)
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
MARK = {"meta": {"key": "mark"}}


def chosen(key: Any, data: Any) -> list[Statement]:
    return [{"vmap": {"key": key, "data": data}}]


BY_SENDER = Fate(None, depends=("ip saddr 192.0.2.0/24",))
OURS = header("ip", "saddr", RANGE)


@pytest.mark.parametrize(
    ("chains", "drops", "expected"),
    [
        ({"base": []}, False, Fate(True)),
        ({"base": []}, True, Fate(False, "base")),
        ({"base": [[jump("sub")], [REJECT]], "sub": [[ACCEPT]]}, False, Fate(True)),
        ({"base": [[jump("sub")], [REJECT]], "sub": []}, False, Fate(False, "base")),
        ({"base": [[jump("sub")], [ACCEPT]], "sub": [[{"return": None}], [DROP]]}, True, Fate(True)),
        ({"base": [[jump("sub", "goto")], [DROP]], "sub": []}, False, Fate(True)),
        (
            {"base": [[jump("one")], [ACCEPT]], "one": [[jump("two", "goto")], [ACCEPT]], "two": [[DROP]]},
            False,
            Fate(False, "two"),
        ),
        ({"base": [[jump("gone")]]}, False, Fate(True)),
        # What is not known matters only where it decides.
        ({"base": [[OURS, ACCEPT]]}, False, Fate(True)),
        ({"base": [[OURS, ACCEPT]]}, True, BY_SENDER),
        ({"base": [[OURS, SSH, ACCEPT], [DROP]]}, False, Fate(False, "base")),
        ({"base": [[OURS, jump("sub")], [ACCEPT]], "sub": [[{"counter": None}]]}, False, Fate(True)),
        ({"base": [[OURS, jump("sub")], [ACCEPT]], "sub": [[DROP]]}, False, BY_SENDER),
        ({"base": [[{"xt": {"type": "target", "name": "LOG"}}]]}, False, Fate(True)),
        ({"base": [[{"xt": {"type": "target", "name": "REJECT"}}]]}, False, Fate(False, "base")),
        ({"base": [[{"xt": {"type": "target", "name": "X"}}]]}, False, Fate(None, depends=("what iptables' X does",))),
        ({"base": [[{"queue": {"num": 0}}]]}, False, Fate(None, depends=("a program that is asked (queue)",))),
        ({"base": [chosen(STATE, {"set": [["invalid", DROP], ["new", ACCEPT]]})]}, True, Fate(True)),
        ({"base": [chosen(MARK, {"set": [[7, DROP]]})]}, False, Fate(None, depends=("mark",))),
        ({"base": [chosen(DPORT, "@ports")]}, True, Fate(True)),
    ],
)
def test_ways_through_chains(chains: dict[str, list[list[Statement]]], drops: bool, expected: Fate) -> None:
    packet = Packet(incoming="eth0", protocol="tcp", port=80)
    table = Table(chains, {"ports": [[22, DROP], [80, ACCEPT]]})
    assert table.fate("base", packet, drops=drops) == expected


KEYS = "match op left right payload field meta key set prefix addr len range vmap data drop jump target xt elem val"
LISTED = """table ip filter { # handle 1
	chain INPUT { # handle 4
		type filter hook input priority filter; policy accept;
		RULE counter packets 0 bytes 0 accept # handle 5
	}
}
"""


@pytest.mark.parametrize(
    ("name", "text", "left", "values", "op"),
    [
        ("conntrack", "ct state related,established", STATE, ["related", "established"], "in"),
        ("conntrack", "ct state ! new", STATE, ["new"], "!="),
        ("state", "ct state new", STATE, ["new"], "in"),
        ("conntrack", "ct status dnat", STATUS, ["dnat"], "in"),
        ("addrtype", "fib daddr type != local", {"fib": {"result": "type", "flags": ["daddr"]}}, ["local"], "!="),
        ("multiport", "meta l4proto tcp tcp dport { 80, 443, 1-9 }", DPORT, [80, 443, {"range": [1, 9]}], "in"),
        ("multiport", "tcp dport != 22", DPORT, [22], "!="),
    ],
)
def test_what_iptables_says_of_its_own_matches(name: str, text: str, left: Statement, values: Any, op: str) -> None:
    shown = xt_text.by_handle(LISTED.replace("RULE", text))["ip filter", 5]
    own = {"xt": {"type": "match", "name": name}}
    assert xt_text.translated([own, ACCEPT], shown) == [asks(left, {"set": values}, op), ACCEPT]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("conntrack", "ct state new ct original daddr 192.0.2.1"),
        ("addrtype", "fib saddr type local fib daddr type local"),
        ("multiport", "tcp sport { 80, 443 } tcp dport { 80, 443 }"),
        ("addrtype", "fib daddr . iif type local"),
        ("owner", "meta skuid 0"),
        ("conntrack", ""),
    ],
)
def test_what_is_not_plain_stays_unknown(name: str, text: str) -> None:
    own = {"xt": {"type": "match", "name": name}}
    assert xt_text.translated([own, ACCEPT], text) == [own, ACCEPT]


values = st.one_of(st.none(), st.integers(), st.text(max_size=4), st.sampled_from(["@nobody", "==", "base"]))
anything = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=3),
)


@given(st.lists(st.lists(anything, max_size=3), max_size=3))
def test_whatever_is_listed_there_is_an_answer(rules: list[list[Any]]) -> None:
    assert Table({"base": rules}, SETS).fate("base", PACKET, drops=False).passes in (True, False, None)


@given(st.lists(st.tuples(st.sampled_from(CONDITIONS), st.sampled_from([ACCEPT, DROP])), max_size=6), st.booleans())
def test_who_knows_more_never_says_otherwise(rules: list[tuple[Any, Statement]], drops: bool) -> None:
    table = Table({"base": [[*conditions, verdict] for (conditions, _, _), verdict in rules]}, SETS)
    of_less = table.fate("base", UNKNOWN, drops=drops).passes
    assert of_less in (None, table.fate("base", PACKET, drops=drops).passes)


def chain(name: str, table: str, *, hook: str = "", policy: str = "accept", priority: int = 0) -> dict[str, Any]:
    family, _, table = table.partition(" ")
    base = {"type": "filter", "hook": hook, "prio": priority, "policy": policy} if hook else {}
    return {"chain": {"family": family, "table": table, "name": name, "handle": 1, **base}}


def rule(name: str, table: str, *statements: Statement) -> dict[str, Any]:
    family, _, table = table.partition(" ")
    return {"rule": {"family": family, "table": table, "chain": name, "handle": 1, "expr": list(statements)}}


def listing(*objects: dict[str, Any]) -> str:
    return json.dumps({"nftables": [{"metainfo": {"json_schema_version": 1}}, *objects]})


def test_chains_of_others() -> None:
    found = others.base_chains(
        listing(
            chain("FORWARD", "ip filter", hook="forward", policy="drop"),
            chain("INPUT", "ip filter", hook="input"),
            chain("late", "inet fw", hook="forward", priority=10),
            chain("sub", "inet fw"),
            chain("forward", "inet wharf_user", hook="forward", priority=-10),
            chain("passing", "ip wharf_br0", hook="forward", policy="drop"),
            rule("FORWARD", "ip filter", meta("iifname", "br0"), ACCEPT),
            rule("INPUT", "ip filter", {"counter": None}, ACCEPT),
            rule("late", "inet fw", jump("sub")),
            rule("sub", "inet fw", header("ip", "saddr", "@bad"), DROP),
            rule("forward", "inet wharf_user", SSH, DROP),
            {"set": {"family": "inet", "table": "fw", "name": "bad", "type": "ipv4_addr", "handle": 2}},
        )
    )
    assert [(one.table, one.name, one.drops, one.priority) for one in found] == [
        ("ip filter", "FORWARD", True, 0),
        ("inet fw", "late", False, 10),
        ("inet wharf_user", "forward", False, -10),
    ]
    assert found[1].rules == Table(
        {"late": [[jump("sub")]], "sub": [[header("ip", "saddr", "@bad"), DROP]]}, {"bad": []}
    )


@given(
    st.text() | anything.map(json.dumps) | st.lists(anything, max_size=3).map(lambda one: json.dumps({"nftables": one}))
)
def test_any_listing_ends(text: str) -> None:
    with suppress(others.UnreadableRules):
        others.base_chains(text)


@pytest.mark.parametrize("text", ["", '{"nftables": [', "[" * 100_000, "[]", "{}", '{"nftables": null}'])
def test_what_is_no_listing_is_told(text: str) -> None:
    with pytest.raises(others.UnreadableRules, match="listing is broken"):
        others.base_chains(text)


def said(flow: Flow, *chains: Chain, hook: str = "forward", **more: Any) -> list[tuple[bool | None, str]]:
    world = World({}, chains=chains, devices={"front": "br0", "back": "br1"}, ways=("eth0", "eth1"), **more)
    return [(step.passes, step.text) for step in hurdles.met(world, hook, flow)]


def base(table: str, *rules: list[Statement], drops: bool = False, hook: str = "forward", **more: Any) -> Chain:
    return Chain(table, "base", hook, drops, Table({"base": rules, **more}))


def test_what_is_told_of_chains() -> None:
    inward = Flow(goes="front", target="172.18.0.2", service=Service(80))
    here, there = [meta("oifname", "br0"), ACCEPT], [meta("iifname", "eth0"), DROP]
    assert said(inward, base("ip filter", here, drops=True)) == [
        (True, "the chain base of the table ip filter lets it pass")
    ]
    assert said(Flow(goes="back"), base("ip filter", here, drops=True))[0][0] is False
    assert said(inward, base("ip6 filter", [DROP])) == [], "it does not see IPv4"
    assert said(inward, base("ip filter", [DROP], hook="input")) == []
    assert said(inward, base("inet fw", there)) == [
        (None, "the chain base of the table inet fw decides by eth0 to br0: dropped; eth1 to br0: passes")
    ]
    early, late = (Chain("ip filter", name, "forward", True, Table(), at) for name, at in (("early", -1), ("late", 1)))
    told = said(inward, late, base("ip filter", there), early)
    assert [text.split()[2] for _, text in told] == ["early", "base", "late"], "in the kernel's order"
    rejected = base("inet firewalld", [jump("zone", "goto")], zone=[[REJECT]])
    assert said(inward, rejected, zones={"front": "drop"}) == [
        (False, "firewalld drops it in zone: the bridge of front is in its zone drop")
    ]
    many = base("inet wharf_user", *([header("ip", "saddr", f"192.0.2.{n}"), DROP] for n in range(9)))
    shown = "; ".join(f"ip saddr 192.0.2.{n}" for n in range(4))
    assert said(inward, many) == [(None, f"your own table inet wharf_user decides by {shown}; ...")]
    assert said(inward, unreadable="no JSON") == [(None, "the rules of others decide, which cannot be read: no JSON")]
