"""The pure decisions about published ports: host ports, targets, the tables' text."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.network import forwarding, passing, sources
from wharf.network.coexisting import USER_TABLE
from wharf.network.contract import Endpoint, PortRequest, PublishedPort
from wharf.network.families import IPV4, IPV6, PREFIX, SHARED, table_name
from wharf.network.firewall import Ruleset
from wharf.network.openings import elements
from wharf.network.ports import HostPort, PublishedPorts, element, host_addresses
from wharf.network.reservation import Target
from wharf.network.settings import BridgeSettings, GatewayMode
from wharf.network.subnets import Subnet

SUBNET, SUBNET6 = ip_network("172.17.0.0/16"), ip_network("fd00::/64")


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        (("0.0.0.0", 80, "tcp"), ("127.0.0.1", 80, "tcp"), True),
        (("127.0.0.1", 80, "tcp"), ("127.0.0.2", 80, "tcp"), False),
        (("0.0.0.0", 80, "tcp"), ("0.0.0.0", 80, "udp"), False),
        (("0.0.0.0", 80, "tcp"), ("::", 80, "tcp"), False),
        (("::", 80, "tcp"), ("::1", 80, "tcp"), True),
        (("0.0.0.0", 80, "tcp"), ("0.0.0.0", 81, "tcp"), False),
    ],
)
def test_host_ports_that_meet(one: tuple[str, int, str], other: tuple[str, int, str], meets: bool) -> None:
    assert HostPort(*one).meets(HostPort(*other)) is meets
    assert HostPort(*other).meets(HostPort(*one)) is meets


def test_candidates() -> None:
    ports = PublishedPorts(40000, 40002)
    assert list(ports.candidates(PortRequest(80, "tcp", host_port=8080))) == [8080]
    assert list(ports.candidates(PortRequest(80, "tcp", host_port=1, host_port_end=3))) == [1, 2, 3]
    assert next(ports.candidates(PortRequest(80, "tcp"))) == 40000
    assert list(ports.candidates(PortRequest(80, "tcp"))) == [40001, 40002, 40000]


@given(st.lists(st.tuples(st.sampled_from(["0.0.0.0", "127.0.0.1", "::"]), st.integers(1, 3), st.booleans())))
def test_what_is_published_never_meets(wishes: list[tuple[str, int, bool]]) -> None:
    ports = PublishedPorts(1, 3)
    published: list[HostPort] = []
    for ip, port, udp in wishes:
        wanted = HostPort(ip, port, "udp" if udp else "tcp")
        assert ports.is_free(wanted) is not any(wanted.meets(one) for one in published)
        if ports.is_free(wanted):
            ports.add(wanted)
            published.append(wanted)
    for one in published:
        ports.discard(one)
    assert all(ports.is_free(one) for one in published)


def test_where_a_port_is_published() -> None:
    assert host_addresses("") == ["0.0.0.0", "::"]
    assert host_addresses("", "127.0.0.1") == ["127.0.0.1"]
    assert host_addresses("[::1]") == ["::1"]


def test_elements_and_tables() -> None:
    rules = Ruleset(IPV4, "wharf0", SUBNET)
    everywhere = element(HostPort("0.0.0.0", 8080, "tcp"), "172.17.0.2", 80)
    assert rules.add([everywhere]) == "add element ip wharf_wharf0 published { tcp . 8080 : 172.17.0.2 . 80 }\n"
    assert rules.delete([everywhere]) == "delete element ip wharf_wharf0 published { tcp . 8080 }\n"
    at_one = element(HostPort("127.0.0.1", 53, "udp"), "172.17.0.2", 53)
    assert at_one == ("published_at", "udp . 127.0.0.1 . 53 : 172.17.0.2 . 53")


ENDPOINT = Endpoint(
    *("e", "c", "front", "veth0", "m", "172.17.0.2", 16, "172.17.0.1"),
    address6="fd00::2",
    ports=[
        PublishedPort(80, "tcp", "0.0.0.0", 8080),
        PublishedPort(80, "tcp", "0.0.0.0", 8081),
        PublishedPort(80, "tcp", "::", 8080),
    ],
)


def test_each_version_of_ip_has_its_elements() -> None:
    assert elements(ENDPOINT, IPV4, GatewayMode.NAT) == [
        ("published", "tcp . 8080 : 172.17.0.2 . 80"),
        ("published", "tcp . 8081 : 172.17.0.2 . 80"),
    ]
    assert elements(ENDPOINT, IPV6, GatewayMode.NAT) == [("published", "tcp . 8080 : fd00::2 . 80")]
    assert elements(ENDPOINT, IPV4, GatewayMode.ROUTED) == [("opened", "tcp . 172.17.0.2 . 80")]
    assert elements(replace(ENDPOINT, address6=""), IPV6, GatewayMode.NAT) == []
    assert elements(ENDPOINT, IPV6, GatewayMode.NAT, trusting=True) == [
        ("published", "tcp . 8080 : fd00::2 . 80"),
        ("opened", "tcp . fd00::2 . 80"),
    ]
    routed = replace(ENDPOINT, ports=[PublishedPort(80, "tcp", "0.0.0.0", 0)])
    assert elements(routed, IPV4, GatewayMode.NAT) == []  # no host port leads there


@pytest.mark.parametrize(
    ("target", "host", "forwarded"),
    [
        (Target("172.17.0.2"), "0.0.0.0", ""),
        (Target("172.17.0.2"), "127.0.0.1", ""),
        (Target("172.17.0.2"), "::", "172.17.0.2"),
        (Target("172.17.0.2", "fd00::2"), "::", "fd00::2"),  # the kernel does the rest, but not ::1
        (Target("172.17.0.2", "fd00::2"), "::1", "fd00::2"),
        (Target("172.17.0.2", "fd00::2"), "2001:db8::1", ""),
        (Target("", "fd00::2"), "0.0.0.0", "fd00::2"),
        (Target("172.17.0.2", translated=frozenset()), "0.0.0.0", "172.17.0.2"),
        (Target("172.17.0.2", "fd00::2", translated=frozenset({4})), "2001:db8::1", "fd00::2"),
    ],
)
def test_what_the_shim_forwards(target: Target, host: str, forwarded: str) -> None:
    assert target.forwarded(host) == forwarded


def test_rules_of_gateway_modes() -> None:
    settings = BridgeSettings(
        "br0",
        (Subnet(SUBNET, SUBNET[1]), Subnet(SUBNET6, SUBNET6[1])),
        mode6=GatewayMode.ROUTED,
        host_address="192.0.2.1",
    )
    nat, routed = (Ruleset.of(settings, subnet) for subnet in settings.subnets)
    assert 'ip saddr 172.17.0.0/16 oifname != "br0" meta mark != 0x57480001 snat to 192.0.2.1' in nat.replace([])
    assert "@wharf_br0 accept" not in nat.replace([]) and "ip wharf_passing wharf_br0 drop" in nat.replace([])
    assert "meta l4proto . ip6 daddr . th dport @wharf_br0 accept" in routed.replace([])
    assert 'oifname != "br0" meta mark' not in routed.replace([])  # nothing is masqueraded on its way out
    assert "chain returning" not in nat.replace([])
    assert "chain returning" in replace(nat, returns=True).replace([])
    inner = Ruleset.of(replace(settings, internal=True), settings.subnets[0])
    assert "ct status dnat accept" not in inner.replace([])
    # What comes for the loopback is refused once for all bridges, but for those in which the host is not.
    isolated = Ruleset.of(replace(settings, mode=GatewayMode.ISOLATED), settings.subnets[0])
    assert "chain unspoofed" in isolated.replace([]) and "chain unspoofed" not in nat.replace([])


@given(st.text("ab_.-A", min_size=1, max_size=6), st.text("ab_.-A", min_size=1, max_size=6))
def test_two_bridges_have_two_tables(one: str, other: str) -> None:
    assert (table_name(one) == table_name(other)) is (one == other)


@pytest.mark.parametrize("table", [passing.TABLE, sources.TABLE, forwarding.TABLE, USER_TABLE.removeprefix("inet ")])
def test_no_bridge_has_the_table_of_all_bridges(table: str) -> None:
    name = table.removeprefix(PREFIX)
    assert name in SHARED
    assert table_name(name) not in (table, table_name(f"_{name}"), table_name(name[1:]))
