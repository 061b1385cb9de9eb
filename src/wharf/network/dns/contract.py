"""What a resolver is told by its engine: the names that it may tell, and whom it asks for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wharf.network.subnets import Address


class View(Protocol):
    """What one container may know. Names are lower case and without the closing dot."""

    def addresses(self, name: str, version: int) -> Sequence[Address] | None:
        """Those of a neighbour, of this version of IP; None for a name that is none. Version 0 has no addresses."""

    def names(self, address: Address) -> Sequence[str]:
        """Those of a neighbour, () for an address that is none."""

    def is_private(self, name: str) -> bool:
        """Whether it names a container that this one may not know: nobody outside shall hear of it either."""

    def is_private_address(self, address: Address) -> bool: ...


@dataclass(frozen=True, slots=True)
class Server:
    address: str
    inside: bool = False  # asked from the container's network
