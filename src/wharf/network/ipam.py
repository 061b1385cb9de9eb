"""Which address a container gets. Pure: no I/O, no clock."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from typing import Final

from wharf.errors import EngineError, InvalidArgument, PermissionDenied
from wharf.network.subnets import Address, Interface, Network, Subnet, interface

#: Counters are told up to here (64 bits without a sign); an IPv6 subnet has more addresses.
MOST: Final = 2**64 - 1


@dataclass(slots=True)
class Addresses:
    """The addresses of one subnet. The next one follows the one given last, so that none is reused at once."""

    subnet: Subnet
    taken: set[Address] = field(default_factory=set)
    _kept: frozenset[Address] = field(init=False)  # never given out
    _last: int = -1  # offset in the pool

    def __post_init__(self) -> None:
        subnet = self.subnet
        routers = (address for address in (subnet.gateway, subnet.own) if address is not None)
        self._kept = frozenset((*subnet.edges, *routers, *subnet.reserved))

    @property
    def pool(self) -> Network:
        return self.subnet.pool or self.subnet.network

    def take(self, wanted: Address | None = None, *, rather: Address | None = None) -> Address | None:
        """The wanted address; else the one that is liked best if it is free, else the next; None when none is left.

        Raises PermissionDenied (dockerd's choice) for one in use.
        """
        if wanted is not None:
            if not self._is_free(wanted):
                raise PermissionDenied("Address already in use")
            self.taken.add(wanted)
            return wanted
        if rather is not None and rather in self.pool and self._is_free(rather):
            self.taken.add(rather)
            return rather
        for address in self._from_last():
            if self._is_free(address):
                self._last = int(address) - int(self.pool.network_address)
                self.taken.add(address)
                return address
        return None

    def restore(self, address: Address) -> None:
        """It is in use since before we began, whoever gave it."""
        self.taken.add(address)
        if address in self.pool:
            self._last = max(self._last, int(address) - int(self.pool.network_address))

    def _is_free(self, address: Address) -> bool:
        return address not in self._kept and address not in self.taken

    def _from_last(self) -> Iterator[Address]:
        size = self.pool.num_addresses
        # As long as the search may be: what is taken, what is reserved, and one more.
        for step in range(1, min(size, len(self.taken) + len(self._kept) + 1) + 1):
            yield self.pool.network_address + (self._last + step) % size

    def in_use(self) -> int:
        """How many addresses of the subnet nobody can get any more, with those that stand for it."""
        return min(len(self.taken | self._kept), MOST)

    def available(self) -> int:
        """How many addresses the pool has left."""
        gone = sum(address in self.pool for address in self.taken | self._kept)
        return min(self.pool.num_addresses - gone, MOST)


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a subnet is."""

    in_use: int
    available: int


class AddressBook:
    """All addresses of one network: who asks for an address does not know in which subnet one is free."""

    def __init__(self, network: str, subnets: Iterable[Subnet]) -> None:
        """`network` is what messages call it."""
        self._network = network
        self._books = [Addresses(subnet) for subnet in subnets]

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        return tuple(book.subnet for book in self._books)

    def take(
        self, version: int, wanted: Address | None = None, *, rather: Address | None = None
    ) -> tuple[Interface, Address | None]:
        """An address with its prefix, and the gateway of its subnet; see Addresses.take().

        Raises InvalidArgument for one that is in no subnet, PermissionDenied for one in use, EngineError when none
        is left.
        """
        books = [book for book in self._books if book.subnet.version == version]
        if wanted is not None:
            books = [book for book in books if wanted in book.subnet.network]
            if not books:
                raise InvalidArgument(f"no configured subnet or ip-range contain the IP address {wanted}")
        # First in the subnet of the one that is liked best: the others have free ones, too.
        for book in sorted(books, key=lambda book: rather is None or rather not in book.subnet.network):
            if (address := book.take(wanted, rather=rather)) is not None:
                return interface(address, book.subnet.network.prefixlen), book.subnet.gateway
        raise EngineError(f"no available IPv{version} addresses on this network's address pools: {self._network}")

    def restore(self, address: str) -> None:
        """It is in use since before we began; "" is none."""
        for book in self._holding(address):
            book.restore(ip_address(address))

    def release(self, address: str) -> None:
        """ "" is none."""
        for book in self._holding(address):
            book.taken.discard(ip_address(address))

    def _holding(self, address: str) -> Iterator[Addresses]:
        if address:
            yield from (book for book in self._books if ip_address(address) in book.subnet.network)

    def usage(self) -> dict[Network, Usage]:
        return {book.subnet.network: Usage(book.in_use(), book.available()) for book in self._books}


def mac_address(address: Address | None) -> str:
    """The MAC address of a container: from its IP address, so that neighbours' tables stay right.

    Without an address it is a random one. Locally administered, not multicast.
    """
    tail = secrets.token_bytes(4) if address is None else address.packed[-4:]
    first = b"\x02\x42" if address is None or isinstance(address, IPv4Address) else b"\x02\x46"
    return (first + tail).hex(":")
