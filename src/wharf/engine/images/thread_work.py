"""Work on streams in threads, which ends when its task is cancelled."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from wharf.errors import EngineError

T = TypeVar("T")


class Stopped(Exception):
    """The work was called off."""


class Stoppable:
    """Pieces of a stream until another thread says stop; then Stopped is raised."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._is_over = False

    def stop(self) -> None:
        self._is_over = True

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._is_over:
                raise Stopped
            yield chunk


async def in_thread(
    work: Callable[[Iterable[bytes]], T], chunks: Iterable[bytes], undo: Callable[[T], None] | None = None
) -> T:
    """The result of `work` on a stream, done in a thread.

    When the task is cancelled, the stream ends, the thread has ended too, and `undo` took back what it still made.
    """
    source = Stoppable(chunks)
    thread = asyncio.ensure_future(asyncio.to_thread(work, source))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        source.stop()
        await asyncio.wait([thread])
        if thread.exception() is None and undo is not None:
            undo(thread.result())
        raise


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Tells the user what the disk said."""
    try:
        yield
    except OSError as error:
        raise EngineError(f"{doing}: {(error.strerror or str(error)).lower()}") from error
