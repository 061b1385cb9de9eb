"""Addresses of one subnet. Pure: no address is looked up, the caller says which are in use."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from wharf.errors import Conflict, EngineError, InvalidArgument

#: Where the default bridge looks for a range that no route of the host has yet, Docker's first choice first.
CANDIDATES: Final = (
    *(IPv4Network(f"172.{n}.0.0/16") for n in range(17, 32)),
    *(IPv4Network(f"192.168.{n}.0/20") for n in range(0, 256, 16)),
)


def free_subnet(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first candidate that overlaps with none of `taken`. Raises EngineError when all do."""
    used = list(taken)
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(other) for other in used):
            return candidate
    raise EngineError("all predefined address pools have been fully subnetted")


@dataclass(slots=True)
class Pool:
    """The addresses that containers of a network may have, and who has them."""

    subnet: IPv4Network
    reserved: Collection[IPv4Address]  # the gateway and whatever else is not ours to give
    within: IPv4Network | None = None  # only this part is given by choice (--fixed-cidr)
    _used: set[int] = field(default_factory=set)
    _last: int = 0

    def __post_init__(self) -> None:
        reserved = {int(address) for address in self.reserved}
        self._used = reserved | {int(self.subnet.network_address), int(self.subnet.broadcast_address)}

    def take(self, wanted: IPv4Address | None = None) -> IPv4Address:
        """`wanted`, or the next free address after the one given last: an address rests as long as it can.

        Raises Conflict when `wanted` is in use, InvalidArgument outside the subnet, EngineError when none is left.
        """
        if wanted is not None:
            return self._take_exactly(wanted)
        scope = self.within or self.subnet
        first, size = int(scope.network_address), scope.num_addresses
        start = self._last + 1 - first if first <= self._last < first + size else 0
        for step in range(size):
            number = first + (start + step) % size
            if number not in self._used:
                self._used.add(number)
                self._last = number
                return IPv4Address(number)
        raise EngineError(f"no available IPv4 addresses on this network's address pools: {self.subnet}")

    def _take_exactly(self, wanted: IPv4Address) -> IPv4Address:
        if wanted not in self.subnet:
            raise InvalidArgument(f"no configured subnet contains IP address {wanted}")
        if int(wanted) in self._used:
            raise Conflict("Address already in use")
        self._used.add(int(wanted))
        return wanted

    def mark(self, address: IPv4Address) -> None:
        """An address that is known to be in use."""
        self._used.add(int(address))
        self._last = max(self._last, int(address))

    def give_back(self, address: IPv4Address) -> None:
        """Giving back what was not taken does nothing; reserved addresses stay reserved."""
        if address not in self.reserved and address in self.subnet:
            self._used.discard(int(address))
