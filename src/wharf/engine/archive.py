"""Tar archives on their way: one that somebody reads while it is written, and one that comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from wharf.apitypes.archive import PathStat, go_mode, go_time
from wharf.content.compression import kind_of
from wharf.errors import InvalidArgument
from wharf.snapshots.plain_input import KINDS
from wharf.snapshots.views import FileStatus, Outgoing


class Archive:
    """A tar archive on its way out. Iterate it to its end, or close it."""

    def __init__(self, outgoing: Outgoing, held: AsyncExitStack) -> None:
        self._outgoing = outgoing
        self._held = held
        self._closing: asyncio.Task[None] | None = None
        self.stat = path_stat(outgoing.status) if outgoing.status else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises EngineError when it cannot be completed."""
        try:
            async for data in self._outgoing:
                yield data
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends the work and lets go of what it is made of."""
        try:
            await self._outgoing.close()
        finally:
            await self._held.aclose()

    def abandon(self) -> None:
        """Closes it soon: for who cannot wait."""
        self._closing = asyncio.create_task(self.close(), name="abandon an archive")


def path_stat(status: FileStatus) -> PathStat:
    return PathStat(
        name=status.name,
        size=status.size,
        mode=go_mode(status.mode),
        mtime=go_time(status.mtime),
        link_target=status.link_target,
    )


async def told_apart(stream: AsyncIterator[bytes]) -> tuple[str, AsyncIterator[bytes]]:
    """How a stream is compressed, and the stream. Raises InvalidArgument for what we cannot read in confinement."""
    first = await anext(stream, b"")
    kind = kind_of(first)
    if kind and kind not in KINDS:
        raise InvalidArgument(f"archives that are compressed by {kind} are not supported: gzip, bzip2 and xz are")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in stream:
            yield piece

    return kind, whole()
