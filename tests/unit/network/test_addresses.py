"""Which address a container gets, and which subnet a network."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.errors import EngineError, InvalidArgument, PermissionDenied
from wharf.network.contract import Endpoint, EndpointRequest
from wharf.network.endpoints import _REMEMBERED, Endpoints
from wharf.network.ipam import MOST, AddressBook, Addresses, Usage, mac_address
from wharf.network.subnets import (
    DEFAULT_POOLS,
    Address,
    Network,
    PoolOfSubnets,
    Subnet,
    choose_subnet,
    overlapping,
    unique_local_pool,
)

SMALL = Subnet(ip_network("172.17.0.0/28"), ip_address("172.17.0.1"))
SMALL6 = Subnet(ip_network("fd00::/124"), ip_address("fd00::1"))
BOTH = pytest.mark.parametrize("subnet", [SMALL, SMALL6], ids=["v4", "v6"])


@BOTH
def test_addresses_follow_one_another_and_are_not_reused_at_once(subnet: Subnet) -> None:
    addresses = Addresses(subnet)
    first, second = addresses.take(), addresses.take()
    assert first is not None and second is not None
    addresses.taken.discard(first)
    third = addresses.take()
    assert [int(one) - int(subnet.network[0]) for one in (first, second, third) if one] == [2, 3, 4]


@pytest.mark.parametrize(
    ("range", "gateway", "room"),
    [
        ("172.17.0.0/28", "172.17.0.1", 13),
        ("172.17.0.0/30", "172.17.0.1", 1),
        ("172.17.0.0/31", "172.17.0.0", 1),  # RFC 3021
        ("172.17.0.0/32", "172.17.0.0", 0),
        ("fd00::/124", "fd00::1", 14),
        ("fd00::/127", "fd00::", 1),  # RFC 6164
    ],
)
def test_how_many_fit(range: str, gateway: str, room: int) -> None:
    book = AddressBook("front", [Subnet(ip_network(range), ip_address(gateway))])
    version = ip_network(range).version
    assert {str(book.take(version)[0].ip) for _ in range_of(room)} != {gateway}
    assert book.usage()[ip_network(range)].available == 0
    with pytest.raises(
        EngineError, match=f"no available IPv{version} addresses on this network's address pools: front"
    ):
        book.take(version)


def range_of(count: int) -> range:
    return range(count)


def test_wanted_addresses() -> None:
    book = AddressBook("front", [SMALL, SMALL6])
    for wanted in ("172.17.0.9", "fd00::9"):
        address = ip_address(wanted)
        assert book.take(address.version, address)[0].ip == address
    for taken in ("172.17.0.9", "172.17.0.1", "172.17.0.0", "172.17.0.15", "fd00::9", "fd00::1", "fd00::"):
        with pytest.raises(PermissionDenied, match="Address already in use"):
            book.take(ip_address(taken).version, ip_address(taken))
    for outside in ("10.0.0.1", "fd01::1"):
        with pytest.raises(InvalidArgument, match="no configured subnet or ip-range contain the IP address"):
            book.take(ip_address(outside).version, ip_address(outside))


def test_an_address_that_is_liked_best_is_given_if_it_is_free() -> None:
    second = Subnet(ip_network("10.1.0.0/29"), ip_address("10.1.0.1"), pool=ip_network("10.1.0.4/30"))
    book = AddressBook("lan", [Subnet(ip_network("10.0.0.0/29"), ip_address("10.0.0.1")), second])
    liked = ("10.0.0.5", "10.0.0.5", "10.1.0.5", "10.1.0.2", "192.0.2.1", "10.0.0.1")
    assert [str(book.take(4, rather=ip_address(text))[0].ip) for text in liked] == [
        "10.0.0.5",
        "10.0.0.2",  # that one is taken
        "10.1.0.5",
        "10.1.0.4",  # not of the pool
        "10.0.0.3",  # of no subnet
        "10.0.0.4",  # the host's own
    ]


def test_who_comes_back_has_the_address_of_before_unless_somebody_has_it() -> None:
    endpoints = Endpoints("0123", "front", [SMALL, SMALL6])

    def come(container: str, address: str = "") -> Endpoint:
        return endpoints.admit(EndpointRequest(container, address=IPv4Address(address) if address else None))

    def leave(endpoint: Endpoint) -> None:
        endpoints.forget(endpoint)
        endpoints.release(endpoint)

    first, second = come("one"), come("two")
    leave(first)
    leave(second)
    again = come("two")
    assert (again.addresses, again.mac_address) == (second.addresses, second.mac_address)
    other = come("three", first.address)
    assert come("one").address not in (first.address, again.address)
    leave(other)
    for number in range(_REMEMBERED):
        leave(come(str(number)))
    assert come("three").address != other.address, "that is forgotten"


def test_the_next_subnet_when_the_first_is_full() -> None:
    second = Subnet(ip_network("10.1.0.0/29"), ip_address("10.1.0.1"))
    book = AddressBook("lan", [Subnet(ip_network("10.0.0.0/30"), ip_address("10.0.0.1")), second])
    assert [(str(own), str(router)) for own, router in (book.take(4), book.take(4))] == [
        ("10.0.0.2/30", "10.0.0.1"),
        ("10.1.0.2/29", "10.1.0.1"),
    ]


def test_what_was_there_before_us_is_taken() -> None:
    book = AddressBook("front", [SMALL, SMALL6])
    for address in ("172.17.0.2", "fd00::7", "", "192.0.2.1"):  # the last one is of a network that was another then
        book.restore(address)
    assert str(book.take(4)[0]) == "172.17.0.3/28"
    assert str(book.take(6)[0]) == "fd00::8/124"
    book.release("fd00::7")
    assert str(book.take(6, ip_address("fd00::7"))[0]) == "fd00::7/124"


def test_counters() -> None:
    subnet = Subnet(
        ip_network("10.0.0.0/24"),
        ip_address("10.0.0.1"),
        pool=ip_network("10.0.0.128/25"),
        reserved=frozenset({ip_address("10.0.0.7"), ip_address("10.0.0.130")}),
    )
    book = AddressBook("front", [subnet, Subnet(ip_network("fd00::/48"), ip_address("fd00::1"))])
    assert book.usage()[subnet.network] == Usage(in_use=5, available=126)
    book.take(4)
    book.take(4, ip_address("10.0.0.5"))
    assert book.usage()[subnet.network] == Usage(in_use=7, available=125)
    assert book.usage()[ip_network("fd00::/48")] == Usage(in_use=2, available=MOST)


def upper_half(network: Network) -> Network:
    middle = network.network_address + network.num_addresses // 2
    return ip_network((str(middle), network.prefixlen + 1))


@given(st.lists(st.integers(0, 12)), st.booleans(), st.sampled_from([SMALL, SMALL6]))
def test_no_address_is_given_twice(steps: list[int], with_pool: bool, subnet: Subnet) -> None:
    half = upper_half(subnet.network)
    whole = Subnet(subnet.network, subnet.gateway, pool=half if with_pool else None)
    addresses = Addresses(whole)
    room = addresses.available()
    held: list[Address] = []
    for index in steps:
        if held and index % 2:
            addresses.taken.discard(held.pop(index % len(held)))
            continue
        address = addresses.take()
        if address is None:
            assert len(held) == room
            continue
        assert address not in held and address != whole.gateway and address not in whole.edges
        assert not with_pool or address in half
        held.append(address)
        assert addresses.available() == room - len(held)


@given(st.lists(st.booleans(), max_size=40))
def test_what_was_just_freed_comes_last(steps: list[bool]) -> None:
    """While there is another address, nobody gets the one that somebody has just given back."""
    addresses = Addresses(SMALL)
    held: list[Address] = []
    for take in steps:
        if not take and held:
            freed = held.pop()
            addresses.taken.discard(freed)
            found = addresses.take()
            assert found is not None
            assert found != freed or addresses.available() == 0
            held.append(found)
        elif (address := addresses.take()) is not None:
            held.append(address)


def test_mac_addresses_come_from_addresses() -> None:
    assert mac_address(IPv4Address("172.17.0.2")) == "02:42:ac:11:00:02"
    assert mac_address(IPv6Address("fd00::2:3")) == "02:46:00:02:00:03"
    assert mac_address(None) != mac_address(None)


# ── subnets of pools ──


def test_the_first_range_that_meets_nothing() -> None:
    assert choose_subnet(DEFAULT_POOLS, [], 4) == IPv4Network("172.17.0.0/16")
    assert choose_subnet(DEFAULT_POOLS, [IPv4Network("172.16.0.0/15")], 4) == IPv4Network("172.18.0.0/16")
    assert choose_subnet(DEFAULT_POOLS, [IPv4Network("172.16.0.0/12")], 4) == IPv4Network("192.168.0.0/20")
    for used, version in (([IPv4Network("0.0.0.0/0")], 4), ([], 6)):
        with pytest.raises(EngineError, match="all predefined address pools have been fully subnetted"):
            choose_subnet(DEFAULT_POOLS, used, version)


def test_docker_has_as_many() -> None:
    used: list[Network] = []
    while len(used) < 31:
        used.append(choose_subnet(DEFAULT_POOLS, used, 4))
    assert str(used[14]) == "172.31.0.0/16" and str(used[30]) == "192.168.240.0/20"
    with pytest.raises(EngineError):
        choose_subnet(DEFAULT_POOLS, used, 4)


@given(
    st.integers(8, 24),
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(9, 32)), max_size=8),
)
def test_a_chosen_subnet_meets_nothing_and_is_the_first(prefix: int, more: int, taken: list[tuple[int, int]]) -> None:
    pool = PoolOfSubnets(IPv4Network(((10 << 24), prefix)), prefix + more)
    used = [IPv4Network(one, strict=False) for one in taken]
    free = (one for one in pool.base.subnets(new_prefix=pool.size) if overlapping(one, used) is None)
    expected = next(free, None)
    if expected is None:
        with pytest.raises(EngineError):
            choose_subnet([pool], used, 4)
    else:
        assert choose_subnet([pool], used, 4) == expected


@given(st.text())
def test_every_engine_has_its_own_ula_prefix(seed: str) -> None:
    pool = unique_local_pool(seed)
    assert pool == unique_local_pool(seed)
    assert pool.base.prefixlen == 48 and pool.base.network_address in ip_network("fd00::/8")
    first = choose_subnet([pool], [], 6)
    assert first.prefixlen == 64
    second = choose_subnet([pool], [first], 6)
    assert int(second.network_address) - int(first.network_address) == 2**64
    # What is taken is stepped over in one go, be it thousands of subnets.
    assert choose_subnet([pool], [ip_network((str(first.network_address), 49))], 6) == ip_network(
        (str(upper_half(pool.base).network_address), 64)
    )
