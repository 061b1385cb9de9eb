"""Which address a container gets. Pure: no I/O, no clock."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from wharf.errors import Conflict, EngineError, InvalidArgument

#: Where the default bridge may be, in this order: Docker's local pools.
DEFAULT_POOLS: Final = (
    *(IPv4Network(f"172.{second}.0.0/16") for second in range(17, 32)),
    *(IPv4Network(f"192.168.{third}.0/20") for third in range(0, 256, 16)),
)


@dataclass(slots=True)
class Addresses:
    """The addresses of one network. The next one follows the one given last, so that none is reused at once."""

    subnet: IPv4Network
    gateway: IPv4Address
    pool: IPv4Network | None = None  # the part of the subnet for containers; None is all of it
    taken: set[IPv4Address] = field(default_factory=set)
    _last: int = 0  # offset in the pool

    def take(self, wanted: IPv4Address | None = None) -> IPv4Address:
        """The wanted address, or the next free one.

        Raises InvalidArgument for one outside the subnet, Conflict for one in use, EngineError when none is left.
        """
        if wanted is not None:
            self._check(wanted)
            self.taken.add(wanted)
            return wanted
        pool = self.pool or self.subnet
        for address in self._from_last(pool):
            if self._is_free(address):
                self._last = int(address) - int(pool.network_address)
                self.taken.add(address)
                return address
        raise EngineError(f"no available IPv4 addresses on this network's address pools: {self.subnet}")

    def restore(self, address: IPv4Address) -> None:
        """It is in use since before we began, whoever gave it."""
        self.taken.add(address)
        offset = int(address) - int((self.pool or self.subnet).network_address)
        self._last = max(self._last, offset) if offset < (self.pool or self.subnet).num_addresses else self._last

    def release(self, address: IPv4Address) -> None:
        self.taken.discard(address)

    def _check(self, wanted: IPv4Address) -> None:
        if wanted not in self.subnet:
            raise InvalidArgument(f"invalid address {wanted}: it is not part of the network's subnet {self.subnet}")
        if not self._is_free(wanted):
            raise Conflict("Address already in use")

    def _is_free(self, address: IPv4Address) -> bool:
        edges = (self.subnet.network_address, self.subnet.broadcast_address, self.gateway)
        return address not in edges and address not in self.taken

    def _from_last(self, pool: IPv4Network) -> Iterator[IPv4Address]:
        size = pool.num_addresses
        # As long as the search may be: what is taken, the three reserved ones, and one more.
        for step in range(1, min(size, len(self.taken) + 4) + 1):
            yield pool.network_address + (self._last + step) % size


def mac_address(address: IPv4Address) -> str:
    """The MAC address of a container: from its IP address, so that neighbours' ARP tables stay right."""
    return ":".join(f"{byte:02x}" for byte in b"\x02\x42" + address.packed)


def choose_subnet(used: Iterable[IPv4Network]) -> IPv4Interface:
    """The bridge's address in the first pool that meets none of the networks this host knows. Raises EngineError."""
    known = list(used)
    for pool in DEFAULT_POOLS:
        if not any(pool.overlaps(network) for network in known):
            return IPv4Interface((pool.network_address + 1, pool.prefixlen))
    raise EngineError("could not find an available, non-overlapping IPv4 address pool for the bridge; give one (--bip)")
