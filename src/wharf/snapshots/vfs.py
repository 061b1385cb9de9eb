"""The driver for file systems without overlayfs: a container is a copy of its image."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from wharf.linux.mounts import RootMount
from wharf.snapshots.driver import Driver
from wharf.snapshots.merge import merge_layer
from wharf.snapshots.writable import TreeLayer, Writable, tree_mount
from wharf.spec.digest import Digest


class VfsSnapshots(Driver):
    """Snapshots as full copies. Layers are kept as for overlayfs, so a data-root can change its driver."""

    name = "vfs"

    def _probe(self) -> None:
        """A directory is all it takes."""

    def _trial_root(self, name: str) -> RootMount:
        return tree_mount(self._root, name)

    async def _make(self, id: str, home: Path, layers: Sequence[Digest]) -> Writable:
        await asyncio.to_thread(self._copy, home, layers)
        return TreeLayer(self.layers, id, tuple(layers))

    def _copy(self, home: Path, layers: Sequence[Digest]) -> None:
        """Makes the container's tree, `diff` in `home`. Blocks."""
        (home / "diff").mkdir()
        for name in reversed(self.layers.directories(layers)):
            merge_layer(self._root / name, home / "diff")
