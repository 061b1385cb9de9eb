"""The API's streams: attach, logs, and the progress of long operations."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from wharf.api.body import ClientGone
from wharf.api.detach import DetachFilter
from wharf.api.encode import json_line
from wharf.api.engine_port import Attachment, LogStream
from wharf.api.errors import describe, record_bug
from wharf.api.messages import Duplex
from wharf.api.timestamps import with_all_nanoseconds
from wharf.apitypes import stdcopy
from wharf.apitypes.jsonmessage import Progress, Report, error_to_json, to_json
from wharf.logs.entries import LogEntry

#: Progress that comes faster than this is drawn by nobody, so of equal steps only the latest is sent.
_DRAW_EVERY: Final = 0.1  # seconds


async def serve_attachment(client: Duplex, attachment: Attachment, keys: bytes) -> None:
    """Copies both ways until the container's output ends, the client leaves, or the user types the detach `keys`."""
    output = asyncio.create_task(_copy_output(client, attachment), name="attach output")
    stdin = asyncio.create_task(_copy_input(client, attachment, keys), name="attach input")
    try:
        await asyncio.wait((output, stdin), return_when=asyncio.FIRST_COMPLETED)
        detached = stdin.done() and stdin.exception() is None and stdin.result()
        if detached:
            attachment.detached()
        else:
            # The end of the client's input is not the end of the output.
            await output
    finally:
        for task in (output, stdin):
            task.cancel()
        await asyncio.gather(output, stdin, return_exceptions=True)
        attachment.close()


async def _copy_output(client: Duplex, attachment: Attachment) -> None:
    while data := await attachment.read():
        await client.write(data)


async def _copy_input(client: Duplex, attachment: Attachment, keys: bytes) -> bool:
    """Whether it ended by the detach keys, which only mean something on a terminal."""
    watch = DetachFilter(keys) if attachment.tty else None
    while data := await client.read():
        if watch is not None:
            data = watch.feed(data)
        if data:
            await attachment.write(data)
        if watch is not None and watch.detached:
            return True
    if watch is not None and (held := watch.end()):
        await attachment.write(held)
    await attachment.end_stdin()
    return False


class Unframed:
    """An attachment whose output has lost its frames: for clients that do not tell stdout from stderr."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._frames = stdcopy.Deframer()
        self.tty = attachment.tty
        self.write = attachment.write
        self.end_stdin = attachment.end_stdin
        self.detached = attachment.detached
        self.close = attachment.close

    async def read(self) -> bytes:
        while data := await self._attachment.read():
            if output := b"".join([payload for _, payload in self._frames.feed(data)]):
                return output
        return b""


async def log_pieces(stream: LogStream, *, timestamps: bool, details: bool) -> AsyncIterator[bytes]:
    """A log as the client gets it: raw with a TTY, else framed; one piece for each batch of lines."""
    async with aclosing(stream.entries) as batches:  # type: ignore[type-var]
        async for batch in batches:
            yield b"".join([_log_line(entry, stream.tty, timestamps, details) for entry in batch])


def _log_line(entry: LogEntry, tty: bool, timestamps: bool, details: bool) -> bytes:
    line = entry.line
    if details:
        line = ",".join(f"{name}={value}" for name, value in sorted(entry.attributes.items())).encode() + b" " + line
    if timestamps:
        line = with_all_nanoseconds(entry.time).encode() + b" " + line
    return line if tty else stdcopy.frame(entry.stream, line)


async def progress_pieces(work: Callable[[Report], Awaitable[object]]) -> AsyncIterator[bytes]:
    """The progress of `work` as JSON lines.

    A failure before the first line is raised; a later one is the stream's last line. When the reader leaves, the work
    is cancelled. A slow reader neither holds up the work nor lets lines pile up: of equal steps it gets the latest.
    """
    waiting: dict[tuple[str, str, str], Progress] = {}
    news = asyncio.Event()

    def report(progress: Progress) -> None:
        waiting[progress.id, progress.status, progress.stream] = progress
        news.set()

    def take() -> bytes:
        news.clear()
        lines = b"".join([json_line(to_json(progress)) for progress in waiting.values()])
        waiting.clear()
        return lines

    task = asyncio.ensure_future(work(report))
    task.add_done_callback(lambda _: news.set())
    begun = False
    try:
        while not task.done():
            await news.wait()
            if waiting:
                begun = True
                yield take()
                await asyncio.wait((task,), timeout=_DRAW_EVERY)
        begun = begun or bool(waiting)
        yield take()
        if error := task.exception():
            if not begun or isinstance(error, ClientGone):
                raise error
            record_bug(error, "a long operation")
            yield json_line(error_to_json(describe(error)[1]))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
