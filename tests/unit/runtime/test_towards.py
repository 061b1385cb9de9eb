"""Which clients a container sees by their own address."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from wharf.runtime.shim.towards import is_inside


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 32))
def test_addresses_in_networks(address: IPv4Address, first: IPv4Address, length: int) -> None:
    network = IPv4Network(f"{first}/{length}", strict=False)
    assert is_inside(str(address), str(network)) is (address in network)


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), st.integers(0, 128))
def test_addresses_of_ipv6_in_networks(address: IPv6Address, first: IPv6Address, length: int) -> None:
    network = IPv6Network((int(first), length), strict=False)
    assert is_inside(str(address), str(network)) is (address in network)
