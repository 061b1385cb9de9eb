"""Read-only layers, each unpacked once into a directory of its own and named by its chain id.

On disk, below the driver's root: NUMBER (a layer; short so that many fit the options of one mount),
containers/ (see writable), empty (below images without layers), tmp/ (being unpacked), trash/ (being removed).
What is no record's is swept.
"""

import asyncio
import os
import sqlite3
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wharf.db.database import Database
from wharf.errors import NotFound
from wharf.linux.files import spread_subdirectories, syncfs
from wharf.linux.trash import Trash
from wharf.snapshots.extraction import Limits, Unpacked
from wharf.snapshots.inherit import inherit_directories
from wharf.snapshots.unpacking import unpack
from wharf.spec.digest import Digest

_EMPTY: Final = "empty"
CONTAINERS: Final = "containers"
DRIVER_FILE: Final = "driver"  # the name of the driver that was used last
_OWN: Final = frozenset({_EMPTY, "tmp", "trash", CONTAINERS, DRIVER_FILE})


@dataclass(frozen=True, slots=True)
class Layer:
    chain_id: Digest
    diff_id: Digest
    parent: Digest | None
    directory: str  # below the root
    size: int  # bytes of its files


@dataclass(frozen=True, slots=True)
class Staged:
    """A layer that is unpacked, but not yet one that others see."""

    directory: Path
    unpacked: Unpacked


class Layers:
    """The layers below `root`. All but unpack() run on the event loop's thread."""

    def __init__(self, db: Database, root: Path, limits: Limits | None = None) -> None:
        self.root = root
        self._db = db
        self._limits = limits or Limits()
        self._layers: dict[Digest, Layer] = {}
        self._recorded: set[Digest] = set()
        self._next = 1
        self._trash = Trash(root / "trash")

    def open(self, also_known: Set[str] = frozenset()) -> None:
        """Reads the records, and sweeps what an interrupted operation left; not what is `also_known` below the root."""
        self.root.mkdir(mode=0o710, parents=True, exist_ok=True)
        for name in ("tmp", CONTAINERS, _EMPTY):
            (self.root / name).mkdir(mode=0o755, exist_ok=True)
        self._trash.open()
        for name in ("tmp", CONTAINERS):
            spread_subdirectories(self.root / name)
        for row in self._db.read("SELECT chain_id, diff_id, parent, directory, size FROM layers"):
            chain_id, diff_id, parent, directory, size = row
            if not (self.root / str(directory)).is_dir():
                continue  # lost with the disk's last seconds: it will be unpacked again
            key = Digest.parse(str(chain_id))
            above = Digest.parse(str(parent)) if parent else None
            self._layers[key] = Layer(key, Digest.parse(str(diff_id)), above, str(directory), int(str(size)))
        self._recorded = set(self._layers)
        known = {layer.directory for layer in self._layers.values()} | _OWN | also_known
        for entry in os.scandir(self.root):
            if entry.name not in known:
                self.discard(Path(entry.path))
        for entry in os.scandir(self.root / "tmp"):
            self.discard(Path(entry.path))
        self._next = 1 + max((int(layer.directory) for layer in self._layers.values()), default=0)

    def close(self) -> None:
        """Waits until what was discarded is gone."""
        self._trash.close()

    def get(self, chain_id: Digest) -> Layer:
        """Raises NotFound."""
        try:
            return self._layers[chain_id]
        except KeyError:
            raise NotFound(f"layer {chain_id} does not exist") from None

    def has(self, chain_id: Digest) -> bool:
        return chain_id in self._layers

    def directories(self, chain_ids: Sequence[Digest]) -> list[str]:
        """The directories of a stack, topmost first, relative to the root. Raises NotFound."""
        return [self.get(chain_id).directory for chain_id in reversed(chain_ids)] or [_EMPTY]

    def unpack(self, chunks: Iterable[bytes]) -> Staged:
        """Unpacks a tar archive. Blocks: call it in a thread. Leaves nothing when it raises (as unpacking.unpack)."""
        directory = self.root / "tmp" / os.urandom(8).hex()
        directory.mkdir(mode=0o755)
        directory.chmod(0o755)
        try:
            return Staged(directory, unpack(directory, chunks, self._limits))
        except BaseException:
            self.discard(directory)
            raise

    def keep(self, chain_id: Digest, diff_id: Digest, parent: Digest | None, staged: Staged) -> Layer:
        """Makes a staged layer one of ours; its parent must be already. A second copy of a layer is dropped."""
        if chain_id in self._layers:
            self.discard(staged.directory)
            return self._layers[chain_id]
        if parent is not None and staged.unpacked.implied:
            below = [self.root / name for name in self.directories(self.stack(parent))]
            inherit_directories(staged.directory, staged.unpacked.implied, below)
        name = str(self._next)
        self._next += 1
        staged.directory.rename(self.root / name)
        layer = Layer(chain_id, diff_id, parent, name, staged.unpacked.size)
        self._layers[chain_id] = layer
        return layer

    def stack(self, top: Digest) -> list[Digest]:
        """The chain ids below and including `top`, lowest first. Raises NotFound."""
        chain: list[Digest] = []
        step: Digest | None = top
        while step is not None:
            chain.append(step)
            step = self.get(step).parent
        return chain[::-1]

    def record(self, connection: sqlite3.Connection, chain_ids: Iterable[Digest]) -> None:
        """Writes the rows of layers that have none, in the transaction that makes them needed.

        The caller has written the layers to disk (sync()): a row is a promise.
        """
        for chain_id in chain_ids:
            layer = self.get(chain_id)
            connection.execute(
                "INSERT OR REPLACE INTO layers (chain_id, diff_id, parent, directory, size) VALUES (?, ?, ?, ?, ?)",
                (str(chain_id), str(layer.diff_id), layer.parent and str(layer.parent), layer.directory, layer.size),
            )
            self._recorded.add(chain_id)

    def unrecorded(self, chain_ids: Iterable[Digest]) -> bool:
        """Whether a layer among these has no row yet."""
        return not self._recorded.issuperset(chain_ids)

    async def sync(self) -> None:
        """Writes all that was unpacked to the disk."""
        await asyncio.to_thread(syncfs, self.root)

    def keep_only(self, roots: Set[Digest]) -> tuple[list[Digest], int]:
        """Removes the layers that no stack of `roots` needs; gives their chain ids and their bytes."""
        needed: set[Digest] = set()
        for root in roots:
            step: Digest | None = root
            while step is not None and step not in needed and step in self._layers:
                needed.add(step)
                step = self._layers[step].parent
        gone = [layer for key, layer in self._layers.items() if key not in needed]
        with self._db.write() as connection:
            connection.executemany("DELETE FROM layers WHERE chain_id = ?", [(str(layer.chain_id),) for layer in gone])
        for layer in gone:
            del self._layers[layer.chain_id]
            self._recorded.discard(layer.chain_id)
            self.discard(self.root / layer.directory)
        return [layer.chain_id for layer in gone], sum(layer.size for layer in gone)

    def discard(self, directory: Path) -> None:
        """Takes a directory out of sight at once, and removes it in the background. Fine when it is gone."""
        self._trash.take(directory)

    def total(self) -> int:
        """Bytes of all layers."""
        return sum(layer.size for layer in self._layers.values())
