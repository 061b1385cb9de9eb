"""The pure decisions of the network room: addresses, host ports, the table's text."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import Conflict, EngineError, InvalidArgument
from wharf.network.contract import PortRequest
from wharf.network.firewall import Ruleset, table_name
from wharf.network.ipam import Addresses, choose_subnet, mac_address
from wharf.network.ports import HostPort, PublishedPorts, element, host_addresses

SUBNET, GATEWAY = IPv4Network("172.17.0.0/28"), IPv4Address("172.17.0.1")


def test_addresses_follow_one_another_and_are_not_reused_at_once() -> None:
    addresses = Addresses(SUBNET, GATEWAY)
    first = addresses.take()
    addresses.release(first)
    assert (str(first), str(addresses.take())) == ("172.17.0.2", "172.17.0.3")


def test_a_full_subnet_says_so() -> None:
    addresses = Addresses(SUBNET, GATEWAY)
    given_out = {addresses.take() for _ in range(13)}
    assert len(given_out) == 13
    with pytest.raises(EngineError, match="no available IPv4 addresses"):
        addresses.take()


def test_wanted_addresses() -> None:
    addresses = Addresses(SUBNET, GATEWAY)
    assert addresses.take(IPv4Address("172.17.0.9")) == IPv4Address("172.17.0.9")
    for taken in ("172.17.0.9", "172.17.0.1", "172.17.0.0", "172.17.0.15"):
        with pytest.raises(Conflict):
            addresses.take(IPv4Address(taken))
    with pytest.raises(InvalidArgument):
        addresses.take(IPv4Address("10.0.0.1"))


@given(st.lists(st.integers(0, 12)), st.booleans())
def test_no_address_is_given_twice(releases: list[int], with_pool: bool) -> None:
    addresses = Addresses(SUBNET, GATEWAY, IPv4Network("172.17.0.8/29") if with_pool else None)
    held: list[IPv4Address] = []
    for index in releases:
        if held and index % 2:
            addresses.release(held.pop(index % len(held)))
            continue
        try:
            address = addresses.take()
        except EngineError:
            assert len(held) == (7 if with_pool else 13)
            continue
        assert address not in held
        assert address not in (GATEWAY, SUBNET.network_address, SUBNET.broadcast_address)
        assert not with_pool or address in IPv4Network("172.17.0.8/29")
        held.append(address)


def test_mac_address_comes_from_the_address() -> None:
    assert mac_address(IPv4Address("172.17.0.2")) == "02:42:ac:11:00:02"


def test_the_first_range_that_meets_nothing() -> None:
    assert choose_subnet([]) == IPv4Interface("172.17.0.1/16")
    assert choose_subnet([IPv4Network("172.16.0.0/15")]) == IPv4Interface("172.18.0.1/16")
    with pytest.raises(EngineError):
        choose_subnet([IPv4Network("0.0.0.0/0")])


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
    rules = Ruleset("wharf0", SUBNET)
    everywhere = element(HostPort("0.0.0.0", 8080, "tcp"), "172.17.0.2", 80)
    assert rules.add([everywhere]) == "add element ip wharf_wharf0 published { tcp . 8080 : 172.17.0.2 . 80 }\n"
    assert rules.delete([everywhere]) == "delete element ip wharf_wharf0 published { tcp . 8080 }\n"
    at_one = element(HostPort("127.0.0.1", 53, "udp"), "172.17.0.2", 53)
    assert at_one == ("published_at", "udp . 127.0.0.1 . 53 : 172.17.0.2 . 53")


@given(st.text("ab_.-A", min_size=1, max_size=6), st.text("ab_.-A", min_size=1, max_size=6))
def test_two_bridges_have_two_tables(one: str, other: str) -> None:
    assert (table_name(one) == table_name(other)) is (one == other)
