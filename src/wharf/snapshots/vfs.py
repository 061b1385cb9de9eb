"""The driver for file systems without overlayfs: a container is a copy of its image."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from wharf.errors import Conflict, EngineError
from wharf.linux.mounts import RootMount
from wharf.snapshots.changes import difference
from wharf.snapshots.layers import Layers
from wharf.snapshots.merge import merge_layer
from wharf.snapshots.overlayfs import OverlaySnapshots, write_stack
from wharf.spec.digest import Digest


class VfsSnapshots(OverlaySnapshots):
    """Snapshots as full copies. Layers are kept as for overlayfs, so a data-root can change its driver."""

    name = "vfs"
    whole = True

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)

    def _probe(self) -> None:
        """A directory is all it takes."""

    def _root_of_trial(self, name: str) -> RootMount:
        return RootMount("bind", str(self.writable(name)), "", self._root)

    async def create(self, id: str, layers: Sequence[Digest], *, size: int = 0) -> None:
        if id in self._stacks:
            raise Conflict(f"container {id} has a writable layer already")
        self.layers.directories(layers)  # all are there
        hidden = self._containers / f".{id}-{os.urandom(4).hex()}"
        try:
            hidden.mkdir()
            if size:
                self.quotas.limit(hidden, size)
            await asyncio.to_thread(self._copy, hidden, layers)
            write_stack(hidden / "layers", layers)
            hidden.rename(self._containers / id)
        except OSError as error:
            self._discard(hidden)
            raise EngineError(f"cannot copy the image for {id}: {error.strerror}") from error
        self._stacks[id] = tuple(layers)

    def _copy(self, hidden: Path, layers: Sequence[Digest]) -> None:
        """Makes the container's tree, `diff` in `hidden`. Blocks."""
        (hidden / "diff").mkdir()
        for name in reversed(self.layers.directories(layers)):
            merge_layer(self._root / name, hidden / "diff")

    def root(self, id: str) -> RootMount:
        self._stack(id)
        return RootMount("bind", str(self.writable(id)), "", self._root)

    @asynccontextmanager
    async def mounted(self, id: str) -> AsyncIterator[Path]:
        yield self.writable(id)

    def layer_directories(self, id: str) -> list[Path]:
        return [self.writable(id)]

    async def usage(self, id: str) -> int:
        """Bytes of what differs from the image."""
        found = await asyncio.to_thread(difference, self.writable(id), self.stack_of(id), whole=True)
        return found.size

    def graph_driver(self, id: str) -> dict[str, str]:
        return {"Dir": str(self.writable(id))}
