"""Reading a container's log, also while it grows and is rotated."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from wharf.linux import inotify
from wharf.logs.entries import Joiner, LogEntry, LogQuery, wanted
from wharf.logs.files import newer_than, open_all, seek_tail
from wharf.logs.formats import JSON_LINES, Format

_BLOCK: Final = 1 << 18
#: How often to look where the kernel cannot tell us about changes.
_POLL: Final = 0.25


async def read_logs(
    path: Path | None, query: LogQuery, ended: asyncio.Event, format: Format = JSON_LINES
) -> AsyncIterator[list[LogEntry]]:
    """The wanted entries in batches, oldest first. `path` None is a container that keeps no log.

    With `follow` it goes on until `ended` is set and the last line has been given, or `until` has passed.
    """
    if path is None:
        return
    reader = await asyncio.to_thread(_Reader, path, query, format)  # which may have to unpack files
    try:
        if not query.follow:
            for batch in reader.batches():
                yield batch
                await asyncio.sleep(0)  # a long log must not keep the loop for itself
            if rest := reader.rest():
                yield rest
            return
        with _Changes(path) as changes:
            while True:
                # Looked at first: what was written before the end is in the files by now.
                is_last = ended.is_set() or reader.is_past_until()
                for batch in reader.batches():
                    yield batch
                    await asyncio.sleep(0)
                if rest := reader.rest():
                    yield rest
                if is_last:
                    return
                await changes.wait(ended, reader.time_left())
    finally:
        reader.close()


class _Reader:
    """Stands somewhere in a log's files and gives what came after."""

    def __init__(self, path: Path, query: LogQuery, format: Format) -> None:
        self._path = path
        self._format = format
        self._query = query
        self._joiner = Joiner()
        files = open_all(path)
        self._skipped = 0
        if query.tail is not None:
            files, self._skipped = seek_tail(files, query.tail, format)
        self._files = files
        self._begun = b""  # of an entry that is being written

    def batches(self) -> Iterator[list[LogEntry]]:
        """All that is there now."""
        while True:
            if not self._files and not self._next_files():
                return
            data = self._files[0].read(_BLOCK)
            if not data:
                if not self._advance():
                    return
                continue
            entries, self._begun = self._format.parse(self._begun + data)
            if self._skipped and entries:
                entries, self._skipped = entries[self._skipped :], max(0, self._skipped - len(entries))
            if batch := wanted(self._joiner.join(entries), self._query):
                yield batch

    def _advance(self) -> bool:
        """At a file's end: goes to the next, if there is one; notices that the file was emptied."""
        if len(self._files) > 1:
            self._files.pop(0).close()
            self._begun = b""
            return True
        file = self._files[0]
        if isinstance(file, gzip.GzipFile):
            # The newest file is a rotated one: the current was just renamed and its successor is not there yet.
            return False
        status = os.fstat(file.fileno())
        if status.st_size < file.tell():
            file.seek(0)
            self._begun = b""
            return True
        try:
            current = self._path.stat().st_ino
        except FileNotFoundError:
            return False
        return current != status.st_ino and self._follow_rotation(file, status)

    def _follow_rotation(self, file: BinaryIO, read: os.stat_result) -> bool:
        # It may have grown between the last read and the renaming.
        if data := file.read(_BLOCK):
            file.seek(-len(data), os.SEEK_CUR)
            return True
        self._files = newer_than(self._path, read)
        self._begun = b""
        file.close()
        return bool(self._files)

    def _next_files(self) -> bool:
        self._files = open_all(self._path)
        return bool(self._files)

    def rest(self) -> list[LogEntry]:
        """The pieces of a line without end; nothing is held back while nothing more comes."""
        return wanted(self._joiner.rest(), self._query)

    def time_left(self) -> float | None:
        """Seconds to `until`, None without."""
        if self._query.until is None:
            return None
        return max(0.0, (self._query.until - datetime.now(UTC)).total_seconds())

    def is_past_until(self) -> bool:
        return self.time_left() == 0.0

    def close(self) -> None:
        for file in self._files:
            file.close()


class _Changes:
    """Tells when a log has changed: by inotify, or by the clock where that is not to be had."""

    def __init__(self, path: Path) -> None:
        mask = inotify.IN_MODIFY | inotify.IN_CREATE | inotify.IN_MOVED_TO
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        try:
            self._fd = inotify.open_watch(path.parent, mask)
        except OSError:
            self._fd = -1

    def __enter__(self) -> "_Changes":
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._notice)
        return self

    def _notice(self) -> None:
        inotify.drain(self._fd)
        self._changed.set()

    async def wait(self, ended: asyncio.Event, most: float | None) -> None:
        """Until something was written, `ended` is set, or `most` seconds have passed."""
        if self._fd < 0:
            most = _POLL if most is None else min(most, _POLL)
        waits = {asyncio.create_task(event.wait()) for event in (self._changed, ended)}
        try:
            await asyncio.wait(waits, timeout=most, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        self._changed.clear()

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
