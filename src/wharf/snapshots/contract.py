"""What a snapshotter (overlay, vfs) offers.

A layer is named by its chain id (OCI image spec), a container by its id.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from wharf.linux.mounts import RootMount
from wharf.spec.digest import Digest


class Snapshots(Protocol):
    name: str  # as docker info shows it: "overlay2", "btrfs", "vfs"
    whole: bool  # writable() is all that a container sees, and not only what it has changed

    async def create(self, id: str, layers: Sequence[Digest], *, size: int = 0) -> None:
        """A writable layer for container `id` over the image's chain ids, bottom first.

        It takes at most `size` bytes, if that is not 0; see require_limits().
        """

    def require_limits(self) -> None:
        """Raises EngineError where what a writable layer takes cannot be limited."""

    async def check_id_mapping(self) -> None:
        """Raises EngineError where a root cannot be mounted with the ids of its files mapped."""

    def root(self, id: str) -> RootMount:
        """How the shim mounts the container's root file system."""

    def mounted(self, id: str) -> AbstractAsyncContextManager[Path]:
        """The container's root file system for the daemon itself, while the block runs."""

    def writable(self, id: str) -> Path:
        """The directory that holds what the container changed."""

    def graph_driver(self, id: str) -> dict[str, str]:
        """The GraphDriver.Data of inspect: LowerDir, UpperDir, MergedDir, WorkDir for overlay."""

    def layer_directories(self, id: str) -> list[Path]:
        """The directories that the root is stacked from, the writable one first."""

    def stack_of(self, id: str) -> Sequence[Path]:
        """The read-only directories under a container, topmost first."""

    async def read_file(self, id: str, path: str) -> bytes | None:
        """A file of a container, by its absolute path there; links are followed inside the root.

        None when there is none, or it is not a regular file. Raises EngineError above 1 MiB. Mounts of a running
        container are not seen.
        """

    async def usage(self, id: str) -> int:
        """Bytes of the writable layer."""

    async def remove(self, id: str) -> None:
        """Removes the writable layer. Fine when there is none."""
