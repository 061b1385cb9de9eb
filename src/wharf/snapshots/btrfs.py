"""The driver over Btrfs: a container is a snapshot of a subvolume that holds its image.

On disk, below the root of the layers, beside what all drivers have there: btrfs/CHAIN/tree is the image up to that
layer as one tree, made when it is first needed; containers/ID/diff is a snapshot of the topmost one.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from wharf.errors import EngineError
from wharf.linux import btrfs
from wharf.linux.files import syncfs
from wharf.snapshots.layers import Layers
from wharf.snapshots.merge import merge_layer
from wharf.snapshots.vfs import VfsSnapshots
from wharf.spec.digest import Digest

_TREES: Final = "btrfs"
_TREE: Final = "tree"
_NOTHING: Final = "empty"  # the tree of an image without layers


class BtrfsSnapshots(VfsSnapshots):
    """Snapshots as subvolumes. Layers are kept as for overlayfs, so a data-root can change its driver."""

    name = "btrfs"
    own = frozenset({_TREES})  # other drivers remove what only takes room there

    def __init__(self, layers: Layers) -> None:
        super().__init__(layers)
        self._trees = layers.root / _TREES

    def _probe(self) -> None:
        self._trees.mkdir(mode=0o700, exist_ok=True)
        probe = self._trees / f".probe-{os.urandom(4).hex()}"
        probe.mkdir()
        try:
            btrfs.create(probe, _TREE)
            btrfs.snapshot(probe / _TREE, probe, "diff")
        except OSError as error:
            reason = "it is another file system" if error.errno == errno.ENOTTY else error.strerror
            raise EngineError(f"btrfs does not work on {self._root}: {reason}") from error
        finally:
            self.layers.discard(probe)
        self._sweep(also_unfinished=True)

    def _sweep(self, *, also_unfinished: bool) -> None:
        """Removes trees of layers that are gone; `also_unfinished` while nobody makes any."""
        for entry in os.scandir(self._trees):
            unfinished = entry.name.startswith(".")
            wanted = entry.name == _NOTHING or (not unfinished and self.layers.has(Digest("sha256", entry.name)))
            if not wanted and (also_unfinished or not unfinished):
                self.layers.discard(Path(entry.path))

    def _copy(self, home: Path, layers: Sequence[Digest]) -> None:
        btrfs.snapshot(self._tree(layers), home, "diff")

    def _tree(self, layers: Sequence[Digest]) -> Path:
        """The image of these chain ids, bottom first, as one tree. Blocks, for long when it is the first time."""
        place = self._trees / (layers[-1].encoded if layers else _NOTHING)
        if (place / _TREE).is_dir():
            return place / _TREE
        making = self._trees / f".{os.urandom(8).hex()}"
        making.mkdir()
        try:
            self._make_tree(making, layers)
            making.rename(place)
        except OSError as error:
            self.layers.discard(making)
            # Somebody else has made the same meanwhile.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        return place / _TREE

    def _make_tree(self, making: Path, layers: Sequence[Digest]) -> None:
        if len(layers) > 1:
            btrfs.snapshot(self._tree(layers[:-1]), making, _TREE)
        else:
            btrfs.create(making, _TREE)
        for name in self.layers.directories(layers)[:1]:
            merge_layer(self._root / name, making / _TREE)
        # With its name it counts as whole, also after a power cut.
        syncfs(making)

    async def remove(self, id: str) -> None:
        await super().remove(id)
        with suppress(EngineError):  # the next one tries again
            self._sweep(also_unfinished=False)
