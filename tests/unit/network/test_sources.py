"""Which senders need no look at the host's routes."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.network.sources import addresses
from wharf.network.subnets import Subnet


@pytest.mark.parametrize(
    ("network", "gateway", "expected"),
    [
        ("10.0.0.0/24", "10.0.0.1", ["10.0.0.2-10.0.0.254"]),
        ("10.0.0.0/24", "10.0.0.7", ["10.0.0.1-10.0.0.6", "10.0.0.8-10.0.0.254"]),
        ("10.0.0.0/24", "10.0.0.254", ["10.0.0.1-10.0.0.253"]),
        ("10.0.0.0/30", "10.0.0.1", ["10.0.0.2"]),
        ("10.0.0.0/31", "10.0.0.0", []),
        ("10.0.0.0/32", "10.0.0.0", []),
        ("255.255.255.0/24", "255.255.255.255", ["255.255.255.1-255.255.255.254"]),
        ("fd00::/64", "fd00::1", ["fd00::2-fd00::ffff:ffff:ffff:fffe"]),
    ],
)
def test_what_containers_have(network: str, gateway: str, expected: list[str]) -> None:
    assert addresses(Subnet(ip_network(network), ip_address(gateway))) == expected


def test_the_hosts_own_address_is_not_always_the_gateway() -> None:
    subnet = Subnet(ip_network("10.0.0.0/29"), ip_address("10.0.0.1"), own=ip_address("10.0.0.2"))
    assert addresses(subnet) == ["10.0.0.1", "10.0.0.3-10.0.0.6"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 32), st.integers(0, 2**32 - 1))
def test_never_the_host_nor_an_edge(at: int, length: int, offset: int) -> None:
    network = IPv4Network((at, length), strict=False)
    own = network[offset % network.num_addresses]
    covered = 0
    for found in addresses(Subnet(network, own)):
        low, _, high = found.partition("-")
        start, end = IPv4Address(low), IPv4Address(high or low)
        assert not start <= own <= end and network[0] < start <= end < network[-1]
        covered += int(end) - int(start) + 1
    assert covered == max(network.num_addresses - len({network[0], network[-1], own}), 0)
