"""Ranges of addresses: those of a network, and the pools that new ones come from. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_address
from typing import Final

from wharf.errors import InvalidArgument

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network

#: Networks made from a prefix of our own have this size, as Docker's.
ULA_SUBNET: Final = 64


@dataclass(frozen=True, slots=True)
class Subnet:
    """One range of a network: who has which part of it."""

    network: Network
    gateway: Address | None = None  # of this host, or of a router outside; None where there is no way out
    own: Address | None = None  # of this host, where the gateway is somebody else's
    pool: Network | None = None  # the part that containers get addresses from; None is all of it
    reserved: frozenset[Address] = frozenset()  # given to nobody

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.network.version

    @property
    def interface(self) -> Interface:
        """This host's address with its prefix."""
        return interface(self.own or self.gateway or self.network[1], self.network.prefixlen)

    @property
    def edges(self) -> tuple[Address, ...]:
        """The addresses that stand for the range itself: nobody's. The smallest ranges have none (RFC 3021, 6164)."""
        if self.network.num_addresses <= 2:
            return ()
        first = self.network.network_address
        return (first, self.network.broadcast_address) if self.version == 4 else (first,)


def parse_address(text: str) -> Address:
    """An address without a zone (fe80::1%eth0): that may have any characters, and names a device of who asks.

    Raises ValueError.
    """
    if "%" in text:
        raise ValueError(f"an address with a zone: {text!r}")
    return ip_address(text)


def interface(address: Address, prefix_length: int) -> Interface:
    """An address with its prefix."""
    if isinstance(address, IPv4Address):
        return IPv4Interface((address, prefix_length))
    return IPv6Interface((address, prefix_length))


@dataclass(frozen=True, slots=True)
class PoolOfSubnets:
    """A large range that is cut into subnets of one size (`default-address-pools`)."""

    base: Network
    size: int  # prefix length of each


#: Docker's local pools, in its order.
DEFAULT_POOLS: Final = (
    *(PoolOfSubnets(IPv4Network(f"172.{second}.0.0/16"), 16) for second in (17, 18, 19)),
    *(PoolOfSubnets(IPv4Network(f"172.{second}.0.0/14"), 16) for second in (20, 24, 28)),
    PoolOfSubnets(IPv4Network("192.168.0.0/16"), 20),
)


def unique_local_pool(seed: str) -> PoolOfSubnets:
    """A /48 that is this engine's own, the same at every start: fd00::/8 and 40 bits of `seed` (RFC 4193, 3.2)."""
    prefix = b"\xfd" + hashlib.sha256(seed.encode()).digest()[:5]
    return PoolOfSubnets(IPv6Network((prefix + bytes(10), 48)), ULA_SUBNET)


def choose_subnet(pools: Sequence[PoolOfSubnets], used: Iterable[Network], version: int) -> Network:
    """The first subnet of the pools of this version that meets none of the networks in use.

    Raises InvalidArgument (dockerd's choice) when there is none.
    """
    taken = [network for network in used if network.version == version]
    for pool in pools:
        if pool.base.version == version and (found := _first_free(pool, taken)) is not None:
            return found
    raise InvalidArgument("all predefined address pools have been fully subnetted")


def _first_free(pool: PoolOfSubnets, taken: Sequence[Network]) -> Network | None:
    """Steps over what is taken in one go: an IPv6 pool has more subnets than one could try."""
    start, end = int(pool.base.network_address), int(pool.base.broadcast_address)
    size = 1 << (pool.base.max_prefixlen - pool.size)
    while start + size - 1 <= end:
        candidate = type(pool.base)((start, pool.size))
        last = max((int(one.broadcast_address) for one in taken if one.overlaps(candidate)), default=None)
        if last is None:
            return candidate
        start = max(start + size, -(-(last + 1) // size) * size)
    return None


def overlapping(network: Network, others: Iterable[Network]) -> Network | None:
    """The first of the others that shares an address with it."""
    return next((other for other in others if other.version == network.version and network.overlaps(other)), None)
