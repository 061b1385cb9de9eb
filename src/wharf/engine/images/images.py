"""The images of this machine: looked up by any of their names."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from wharf.apitypes.images import DeleteItem, HistoryItem, ImageInspect, ImagesPruned, ImageSummary
from wharf.apitypes.jsonmessage import Report, ignore
from wharf.db.database import Database
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.engine.images.record import Image
from wharf.snapshots.layered import LayeredSnapshots

Users = Callable[[str], Iterable[tuple[str, bool]]]
"""The containers that use an image id: container id, and whether it runs."""


class Publisher(Protocol):
    def publish(self, type: str, action: str, id: str, attributes: Mapping[str, str]) -> object:
        """Tells the world that something happened."""


def nobody(image: str) -> Iterable[tuple[str, bool]]:
    """The users of an image where there are no containers."""
    return ()


class Images:
    """All images. `root` is the data-root; `users` tells which containers need an image.

    `await open()` before use: it reads the records and sweeps what an interrupted operation left.
    """

    def __init__(
        self,
        db: Database,
        root: Path,
        snapshots: LayeredSnapshots,
        events: Publisher,
        registries: RegistryConfig = RegistryConfig(),  # noqa: B008 - frozen
        users: Users = nobody,
    ) -> None:
        raise NotImplementedError

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    def get(self, name: str) -> Image:
        """By tag, digest, id or unique beginning of an id. Raises NoSuchImage."""
        raise NotImplementedError

    def descendants(self, name: str) -> frozenset[str]:
        """The ids of an image and of all that are built on it; empty when there is no such image."""
        raise NotImplementedError

    async def pull(
        self,
        reference: str,
        *,
        tag: str = "",
        platform: str = "",
        auth: RegistryAuth | None = None,
        report: Report = ignore,
    ) -> Image:
        raise NotImplementedError

    async def load(self, stream: AsyncIterator[bytes], *, quiet: bool = False, report: Report = ignore) -> list[str]:
        raise NotImplementedError

    async def import_(
        self,
        stream: AsyncIterator[bytes],
        *,
        repository: str = "",
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        platform: str = "",
        report: Report = ignore,
    ) -> str:
        raise NotImplementedError

    def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def list(
        self, filters: Mapping[str, Sequence[str]], *, all: bool = False, digests: bool = False
    ) -> list[ImageSummary]:
        raise NotImplementedError

    async def inspect(self, name: str) -> ImageInspect:
        raise NotImplementedError

    async def history(self, name: str) -> "Sequence[HistoryItem]":
        raise NotImplementedError

    async def tag(self, name: str, repository: str, tag: str = "") -> None:
        raise NotImplementedError

    async def remove(self, name: str, *, force: bool = False, prune_children: bool = True) -> "Sequence[DeleteItem]":
        raise NotImplementedError

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> ImagesPruned:
        raise NotImplementedError
