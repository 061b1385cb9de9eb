"""The driver over overlayfs: a container is a directory for its changes, and one mount that the shim makes.

On disk, below the root of the layers: containers/ID/diff (its changes), work (the kernel's), layers (chain ids).
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound
from wharf.linux import overlay
from wharf.linux.files import detached_mount
from wharf.linux.mounts import RootMount
from wharf.linux.trees import tree_size
from wharf.snapshots import id_mapping
from wharf.snapshots.layers import Layers
from wharf.snapshots.quota import Quotas
from wharf.snapshots.stacked import read_stacked
from wharf.spec.digest import Digest

log = logging.getLogger(__name__)

_INDEX_SWITCH: Final = Path("/sys/module/overlay/parameters/index")


class OverlaySnapshots:
    """Snapshots as overlay mounts."""

    name = "overlay2"
    whole = False

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self._root = layers.root
        self._containers = layers.root / "containers"
        self.quotas = Quotas(self._containers)
        self._stacks: dict[str, tuple[Digest, ...] | None] = {}  # None where a crash took the file of names
        self._options = ""
        self._maps_ids = False  # known to

    async def open(self) -> None:
        """Reads what is there, and tries the kernel. Raises EngineError where it cannot mount overlays."""
        self.layers.open()
        for entry in os.scandir(self._containers):
            if entry.name.startswith("."):
                self.layers.discard(Path(entry.path))
                continue
            self._stacks[entry.name] = _read_stack(Path(entry.path) / "layers")
        # An index of hard links would refuse an upper directory whose lower ones were removed and unpacked again.
        self._options = ",index=off" if _INDEX_SWITCH.exists() else ""
        await asyncio.to_thread(self._probe)

    def _probe(self) -> None:
        with self._trial() as (root, writable):
            try:
                os.setxattr(writable, overlay.OPAQUE, overlay.OPAQUE_VALUE)
                os.removexattr(writable, overlay.OPAQUE)
                os.close(detached_mount(root, self._root / "tmp"))
            except OSError as error:
                raise EngineError(f"overlayfs does not work on {self._root}: {error.strerror}") from error

    @contextmanager
    def _trial(self) -> Iterator[tuple[RootMount, Path]]:
        """A root to try the kernel with, and where its changes go."""
        trial = self._containers / f".probe-{os.urandom(4).hex()}"
        for name in ("diff", "work", "lower"):
            (trial / name).mkdir(parents=True)
        try:
            yield self._root_of_trial(trial.name), trial / "diff"
        finally:
            self.layers.discard(trial)

    def _root_of_trial(self, name: str) -> RootMount:
        return self._mount(name, [f"containers/{name}/lower"])

    async def check_id_mapping(self) -> None:
        """Raises EngineError where files cannot be shown with other owners. The kernel is asked until it can."""
        if not self._maps_ids:
            await asyncio.to_thread(self._check_id_mapping)
            self._maps_ids = True

    def _check_id_mapping(self) -> None:
        with self._trial() as (root, writable):
            id_mapping.check(root, writable)

    def require_limits(self) -> None:
        """Raises EngineError where what a writable layer takes cannot be limited."""
        self.quotas.require()

    async def close(self) -> None:
        """Waits for removals in the background."""
        await asyncio.to_thread(self.layers.close)

    async def create(self, id: str, layers: Sequence[Digest], *, size: int = 0) -> None:
        """A writable layer. Raises Conflict when there is one, NotFound without the layers."""
        if id in self._stacks:
            raise Conflict(f"container {id} has a writable layer already")
        names = self.layers.directories(layers)
        if len(self._mount(id, names).data) > overlay.LONGEST_OPTIONS:
            raise EngineError(f"the image has too many layers to mount: {len(layers)}")
        # Complete under a hidden name first, so that a name that is seen is never half made.
        hidden = self._containers / f".{id}"
        try:
            hidden.mkdir(mode=0o710)
            if size:
                self.quotas.limit(hidden, size)
            (hidden / "work").mkdir(mode=0o700)
            self._make_root(hidden / "diff", names)
            write_stack(hidden / "layers", layers)
            hidden.rename(self._containers / id)
        except OSError as error:
            with suppress(EngineError):
                self._discard(hidden)
            raise EngineError(f"cannot make the writable layer of {id}: {error.strerror}") from error
        self._stacks[id] = tuple(layers)

    def restore(self, id: str, layers: Sequence[Digest]) -> None:
        """Tells what `id` stands on, for what a crash may have taken. Nothing without a writable layer."""
        if id not in self._stacks or self._stacks[id] == tuple(layers):
            return
        log.warning("the layers of a container were not recorded, its image names them", extra={"container": id})
        self._stacks[id] = tuple(layers)
        with suppress(OSError):  # then it is told again at the next start
            write_stack(self._containers / id / "layers", layers)

    def _make_root(self, diff: Path, names: Sequence[str]) -> None:
        """The upper directory. The root shows the upper one's owner and mode, so it takes those of the image."""
        status = (self._root / names[0]).stat()
        diff.mkdir(mode=0o755)
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(diff, status.st_uid, status.st_gid)
        diff.chmod(status.st_mode & 0o7777)

    def _mount(self, id: str, names: Sequence[str]) -> RootMount:
        home = f"containers/{id}"
        data = f"lowerdir={':'.join(names)},upperdir={home}/diff,workdir={home}/work{self._options}"
        return RootMount("overlay", "overlay", data, self._root)

    def root(self, id: str) -> RootMount:
        """How the shim mounts the container's root. Raises NotFound."""
        return self._mount(id, self.layers.directories(self._stack(id)))

    @asynccontextmanager
    async def mounted(self, id: str) -> AsyncIterator[Path]:
        """The root, mounted where only the path given leads to. Not for a container that runs: use its own root."""
        descriptor = await asyncio.to_thread(detached_mount, self.root(id), self._root / "tmp")
        try:
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)

    def writable(self, id: str) -> Path:
        return self._containers.joinpath(id, "diff")

    def stack_of(self, id: str) -> Sequence[Path]:
        return [self._root / name for name in self.layers.directories(self._stack(id))]

    def layer_directories(self, id: str) -> list[Path]:
        return [self.writable(id), *self.stack_of(id)]

    async def read_file(self, id: str, path: str) -> bytes | None:
        try:
            return read_stacked(self.layer_directories(id), path)
        except OSError as error:
            raise EngineError(f"cannot read {path} of {id}: {error.strerror}") from error

    def graph_driver(self, id: str) -> dict[str, str]:
        home = self._containers / id
        return {
            "LowerDir": ":".join(map(str, self.stack_of(id))),
            "MergedDir": str(home / "merged"),
            "UpperDir": str(home / "diff"),
            "WorkDir": str(home / "work"),
        }

    def image_graph_driver(self, layers: Sequence[Digest]) -> dict[str, str]:
        upper, *lower = [f"{self._root}/{name}" for name in self.layers.directories(layers)]
        data = {"UpperDir": upper}
        return {"LowerDir": ":".join(lower), **data} if lower else data

    async def usage(self, id: str) -> int:
        return await asyncio.to_thread(tree_size, self.writable(id))

    async def remove(self, id: str) -> None:
        self._stacks.pop(id, None)
        self._discard(self._containers / id)

    def _discard(self, place: Path) -> None:
        self.quotas.release(place)
        self.layers.discard(place)

    def containers(self) -> list[str]:
        return list(self._stacks)

    def layers_in_use(self) -> set[Digest]:
        return set(self._tops())

    def _tops(self) -> Iterator[Digest]:
        for stack in self._stacks.values():
            yield from (stack or ())[-1:]

    def _stack(self, id: str) -> tuple[Digest, ...]:
        if id not in self._stacks:
            raise NotFound(f"container {id} has no writable layer")
        stack = self._stacks[id]
        if stack is None:
            raise EngineError(f"the layers below container {id} were lost in a crash, and its image is not here")
        return stack


def write_stack(file: Path, layers: Sequence[Digest]) -> None:
    """Without a flush to the disk: what a power cut takes of it the image can tell."""
    file.write_text("".join(f"{layer}\n" for layer in layers) or "\n")


def _read_stack(file: Path) -> tuple[Digest, ...] | None:
    """None when a crash took it, or parts of it."""
    try:
        text = file.read_text()
        return tuple(Digest.parse(line) for line in text.split()) if text.endswith("\n") else None
    except (OSError, UnicodeDecodeError, InvalidArgument):
        return None
