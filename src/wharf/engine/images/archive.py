"""Archives of images on their way in: spooled to numbered files, so that no name in them ever names a file of ours."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

from wharf.content.compression import decompressed
from wharf.errors import InvalidArgument
from wharf.snapshots.tarstream import DamagedArchive, TarReader

LARGEST_DOCUMENT: Final = 16 << 20  # bytes of a manifest or config inside an archive
_MOST_MEMBERS: Final = 100_000
_MOST_LINKS: Final = 10
_BATCH: Final = 1 << 20  # bytes that are written at once


@dataclass(frozen=True, slots=True)
class Archive:
    """The members of an archive, each in a file of its own below `directory`."""

    directory: Path
    files: dict[str, Path]  # by name in the archive, normalised
    links: dict[str, str]

    def find(self, name: str) -> Path:
        """The file of a member; links between members are followed. Raises InvalidArgument."""
        name = normpath(name)
        for _ in range(_MOST_LINKS):
            if name in self.files:
                return self.files[name]
            if name not in self.links:
                break
            name = self.links[name]
        raise InvalidArgument(f"the archive has no {name!r}")

    def has(self, name: str) -> bool:
        return normpath(name) in self.files or normpath(name) in self.links

    def document(self, name: str) -> bytes:
        """A small member's bytes. Raises InvalidArgument."""
        path = self.find(name)
        if path.stat().st_size > LARGEST_DOCUMENT:
            raise InvalidArgument(f"{name!r} in the archive is too large")
        return path.read_bytes()


async def spool(stream: AsyncIterator[bytes], file: Path) -> int:
    """Writes a stream to a file; gives its bytes. The disk may be slow: a thread waits for it, once a batch."""
    size, batch, held = 0, [], 0
    with file.open("wb", buffering=0) as output:
        async for chunk in stream:
            batch.append(chunk)
            held += len(chunk)
            if held >= _BATCH:
                await asyncio.to_thread(_write_all, output, b"".join(batch))
                size, batch, held = size + held, [], 0
        await asyncio.to_thread(_write_all, output, b"".join(batch))
    return size + held


def _write_all(output: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[output.write(view) :]


def open_archive(chunks: Iterable[bytes], directory: Path) -> Archive:
    """Takes an archive apart into `directory`. Blocks. Raises InvalidArgument when it is none."""
    archive = Archive(directory, {}, {})
    source = decompressed(chunks)
    reader = TarReader(reading(source))
    try:
        for count, entry in enumerate(reader):
            if count >= _MOST_MEMBERS:
                raise InvalidArgument("the archive has too many members")
            name = normpath(os.fsdecode(entry.name).lstrip("/"))
            if entry.kind == "file":
                file = directory / str(count)
                with file.open("wb", buffering=0) as output:
                    for piece in reader.data():
                        rest = piece
                        while rest:
                            rest = rest[output.write(rest) :]
                archive.files[name] = file
            elif entry.kind == "symlink":
                archive.links[name] = normpath(join(dirname(name), os.fsdecode(entry.link)))
            elif entry.kind == "hardlink":
                archive.links[name] = normpath(os.fsdecode(entry.link).lstrip("/"))
    except DamagedArchive as error:
        raise InvalidArgument(f"Error processing tar file: {error}") from None
    return archive


def reading(chunks: Iterable[bytes]) -> Callable[[int], bytes]:
    """A read function over pieces of any size: what it gives may be longer than asked, which TarReader allows."""
    source = iter(chunks)

    def read(count: int) -> bytes:
        for chunk in source:
            if chunk:
                return chunk
        return b""

    return read
