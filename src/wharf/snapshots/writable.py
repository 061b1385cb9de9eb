"""The writable layer of a container, with the root file system that it makes of the layers below.

What one is made of its directory tells, and not the driver of today: who changes the driver keeps the containers.

On disk, below the root of the layers: containers/ID/diff and, for an overlay, work (the kernel's); layers (chain ids).
"""

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from wharf.errors import EngineError, InvalidArgument
from wharf.linux import btrfs
from wharf.linux.files import detached_mount
from wharf.linux.mounts import RootMount
from wharf.linux.trees import tree_size
from wharf.snapshots.changes import difference
from wharf.snapshots.layers import CONTAINERS, Layers
from wharf.snapshots.stacked import read_stacked
from wharf.spec.digest import Digest

_INDEX_SWITCH: Final = Path("/sys/module/overlay/parameters/index")


@dataclass(slots=True)
class _Layer(ABC):
    layers: Layers
    id: str
    stack: tuple[Digest, ...] | None  # what it stands on; None where a crash took the file that names them

    @property
    def home(self) -> Path:
        return self.layers.root.joinpath(CONTAINERS, self.id)

    @property
    def diff(self) -> Path:
        """The directory that holds what the container changed."""
        return self.home / "diff"

    def names(self) -> list[str]:
        """The directories below, relative to the root of the layers, topmost first. Raises EngineError."""
        if self.stack is None:
            raise EngineError(f"the layers below container {self.id} were lost in a crash, and its image is not here")
        return self.layers.directories(self.stack)

    def below(self) -> list[Path]:
        """The read-only directories under the container, topmost first. Raises EngineError."""
        return [self.layers.root / name for name in self.names()]

    @abstractmethod
    def directories(self) -> list[Path]:
        """What the root is stacked from, the writable directory first. Raises EngineError."""

    def read_file(self, path: str) -> bytes | None:
        """A file of the container, by its absolute path there; links are followed inside the root.

        None when there is none, or it is not a regular file. Raises EngineError above 1 MiB. Mounts of a running
        container are not seen.
        """
        try:
            return read_stacked(self.directories(), path)
        except OSError as error:
            raise EngineError(f"cannot read {path} of {self.id}: {error.strerror}") from error


class OverlayLayer(_Layer):
    """A directory for what the container changes: its root is one mount of an overlay."""

    driver = "overlay2"  # that made it
    whole = False  # `diff` has what the container has changed, and not all that it sees

    def root(self) -> RootMount:
        """How the shim mounts the container's root file system. Raises EngineError."""
        return overlay_mount(self.layers.root, self.id, self.names())

    @asynccontextmanager
    async def mounted(self) -> AsyncIterator[Path]:
        """The root for the daemon itself, where only the path given leads to. Not for a container that runs."""
        descriptor = await asyncio.to_thread(detached_mount, self.root(), self.layers.root / "tmp")
        try:
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)

    def directories(self) -> list[Path]:
        return [self.diff, *self.below()]

    def graph_driver(self) -> dict[str, str]:
        """The GraphDriver.Data of inspect. Raises EngineError."""
        home = self.home
        return {
            "LowerDir": ":".join(map(str, self.below())),
            "MergedDir": str(home / "merged"),
            "UpperDir": str(home / "diff"),
            "WorkDir": str(home / "work"),
        }

    async def usage(self) -> int:
        """Bytes of the writable layer."""
        return await asyncio.to_thread(tree_size, self.diff)


class TreeLayer(_Layer):
    """A tree of the container's own: its root is a bind of it."""

    whole = True

    @property
    def driver(self) -> str:
        return "btrfs" if btrfs.is_subvolume(self.diff) else "vfs"

    def root(self) -> RootMount:
        return tree_mount(self.layers.root, self.id)

    @asynccontextmanager
    async def mounted(self) -> AsyncIterator[Path]:
        yield self.diff

    def directories(self) -> list[Path]:
        return [self.diff]

    def graph_driver(self) -> dict[str, str]:
        return {"Dir": str(self.diff)}

    async def usage(self) -> int:
        """Bytes of what differs from the image."""
        found = await asyncio.to_thread(difference, self.diff, self.below(), whole=True)
        return found.size


Writable = OverlayLayer | TreeLayer


def found(layers: Layers, id: str) -> Writable:
    """The one that is on disk."""
    home = layers.root / CONTAINERS / id
    kind = OverlayLayer if (home / "work").is_dir() else TreeLayer
    return kind(layers, id, _read_stack(home / "layers"))


def overlay_mount(root: Path, id: str, names: Sequence[str]) -> RootMount:
    """The root of a container over these directories, topmost first; all of them below `root`."""
    home = f"{CONTAINERS}/{id}"
    data = f"lowerdir={':'.join(names)},upperdir={home}/diff,workdir={home}/work{_more_options()}"
    return RootMount("overlay", "overlay", data, root)


@cache
def _more_options() -> str:
    # An index of hard links would refuse an upper directory whose lower ones were removed and unpacked again.
    return ",index=off" if _INDEX_SWITCH.exists() else ""


def tree_mount(root: Path, id: str) -> RootMount:
    return RootMount("bind", str(root / CONTAINERS / id / "diff"), "", root)


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
