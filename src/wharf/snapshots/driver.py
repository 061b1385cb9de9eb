"""What all drivers do. They differ in how they make a container's writable layer, not in what becomes of it."""

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from wharf.errors import Conflict, EngineError, NotFound
from wharf.linux.mounts import RootMount
from wharf.snapshots import id_mapping, writable
from wharf.snapshots.layers import CONTAINERS, Layers
from wharf.snapshots.quota import Quotas
from wharf.snapshots.writable import Writable
from wharf.spec.digest import Digest

log = logging.getLogger(__name__)


class Driver:
    """Fulfils contract.Snapshots; a subclass says how a layer is made, and tries whether that works here."""

    name: str
    own: frozenset[str] = frozenset()  # what it keeps below the root of the layers besides

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self._root = layers.root
        self._containers = layers.root / CONTAINERS
        self.quotas = Quotas(self._containers)
        self._writable: dict[str, Writable] = {}
        self._maps_ids = False  # known to

    # ── what a driver adds ──

    def _probe(self) -> None:
        """Tries what it needs. Blocks. Raises EngineError."""
        raise NotImplementedError

    def _trial_root(self, name: str) -> RootMount:
        """The root over `lower`, `diff` and `work` of a trial."""
        raise NotImplementedError

    async def _make(self, id: str, home: Path, layers: Sequence[Digest]) -> Writable:
        """Makes the layer in `home`, where it has no name yet. Raises OSError."""
        raise NotImplementedError

    # ── the whole ──

    async def open(self) -> None:
        """Reads what is there, and tries the kernel. Raises EngineError where the driver cannot work."""
        self.layers.open(self.own)
        for entry in os.scandir(self._containers):
            if entry.name.startswith("."):
                self.layers.discard(Path(entry.path))
            else:
                self._writable[entry.name] = writable.found(self.layers, entry.name)
        await asyncio.to_thread(self._probe)

    @contextmanager
    def _trial(self) -> Iterator[tuple[RootMount, Path]]:
        """A root to try the kernel with, and where its changes go."""
        trial = self._containers / f".probe-{os.urandom(4).hex()}"
        for name in ("diff", "work", "lower"):
            (trial / name).mkdir(parents=True)
        try:
            yield self._trial_root(trial.name), trial / "diff"
        finally:
            self.layers.discard(trial)

    async def check_id_mapping(self) -> None:
        """Raises EngineError where files cannot be shown with other owners. The kernel is asked until it can."""
        if not self._maps_ids:
            await asyncio.to_thread(self._check_id_mapping)
            self._maps_ids = True

    def _check_id_mapping(self) -> None:
        with self._trial() as (root, changes):
            id_mapping.check(root, changes)

    def require_limits(self) -> None:
        self.quotas.require()

    async def close(self) -> None:
        """Waits for removals in the background."""
        await asyncio.to_thread(self.layers.close)

    def image_graph_driver(self, layers: Sequence[Digest]) -> dict[str, str]:
        """The GraphDriver.Data of an image's inspect."""
        upper, *lower = [f"{self._root}/{name}" for name in self.layers.directories(layers)]
        data = {"UpperDir": upper}
        return {"LowerDir": ":".join(lower), **data} if lower else data

    def containers(self) -> list[str]:
        """The ids that have a writable layer."""
        return list(self._writable)

    def layers_in_use(self) -> set[Digest]:
        """The layers that containers stand on, whatever became of their images."""
        return {top for one in self._writable.values() for top in (one.stack or ())[-1:]}

    # ── one container ──

    async def create(self, id: str, layers: Sequence[Digest], *, size: int = 0) -> None:
        """A writable layer. Raises Conflict when there is one, NotFound without the layers."""
        if id in self._writable:
            raise Conflict(f"container {id} has a writable layer already")
        # Complete under a hidden name first, so that a name that is seen is never half made.
        hidden = self._containers / f".{id}"
        try:
            hidden.mkdir(mode=0o710)
            if size:
                self.quotas.limit(hidden, size)
            made = await self._make(id, hidden, layers)
            writable.write_stack(hidden / "layers", layers)
            hidden.rename(self._containers / id)
        except BaseException as error:
            with suppress(EngineError):
                self._discard(hidden)
            if isinstance(error, OSError):
                raise EngineError(f"cannot make the writable layer of {id}: {error.strerror}") from error
            raise
        self._writable[id] = made

    def restore(self, id: str, layers: Sequence[Digest]) -> None:
        """Tells what container `id` stands on, for what a crash may have taken. Nothing without a writable layer."""
        one = self._writable.get(id)
        if one is None or one.stack == tuple(layers):
            return
        log.warning("the layers of a container were not recorded, its image names them", extra={"container": id})
        one.stack = tuple(layers)
        with suppress(OSError):  # then it is told again at the next start
            writable.write_stack(one.home / "layers", layers)

    async def remove(self, id: str) -> None:
        self._writable.pop(id, None)
        self._discard(self._containers / id)

    def _discard(self, place: Path) -> None:
        self.quotas.release(place)
        self.layers.discard(place)

    def of(self, id: str) -> Writable:
        try:
            return self._writable[id]
        except KeyError:
            raise NotFound(f"container {id} has no writable layer") from None

    async def usage(self, id: str) -> int:
        return await self._writable[id].usage() if id in self._writable else 0
