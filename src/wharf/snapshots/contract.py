"""What a driver offers (overlay2, btrfs, vfs).

A layer is named by its chain id (OCI image spec), a container by its id.
"""

from collections.abc import Sequence
from typing import Protocol

from wharf.snapshots.writable import Writable
from wharf.spec.digest import Digest


class Snapshots(Protocol):
    name: str  # as docker info shows it: "overlay2", "btrfs", "vfs"

    async def create(self, id: str, layers: Sequence[Digest], *, size: int = 0) -> None:
        """A writable layer for container `id` over the image's chain ids, bottom first.

        It takes at most `size` bytes, if that is not 0; see require_limits(). Raises Conflict when there is one,
        NotFound without the layers, EngineError.
        """

    def require_limits(self) -> None:
        """Raises EngineError where what a writable layer takes cannot be limited."""

    async def check_id_mapping(self) -> None:
        """Raises EngineError where a root cannot be mounted with the ids of its files mapped."""

    def of(self, id: str) -> Writable:
        """The writable layer of a container, by whichever driver it was made. Raises NotFound."""

    async def usage(self, id: str) -> int:
        """Bytes of the writable layer; none is 0."""

    async def remove(self, id: str) -> None:
        """Removes the writable layer. Fine when there is none."""
