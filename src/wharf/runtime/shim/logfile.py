# ruff: noqa: PTH104, PTH108, PTH110, PTH116
# No pathlib: it would double the shim's memory.
"""The log file of a container: whole entries, rotated by size. A full disk loses lines, not containers."""

import os
import time
from collections.abc import Callable
from typing import Final, Protocol

from wharf.runtime.shim.encoder import LineEncoder

_COMPRESS_CHUNK: Final = 1 << 18


def now() -> bytes:
    """The time as RFC 3339 with nanoseconds."""
    nanoseconds = time.time_ns()
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return b"%s.%09dZ" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode(), fraction)


def open_log(path: str) -> int:
    """The log file, to be appended to."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


#: Where entries are cut: see cut_lines.
Cut = Callable[[bytes, int, int, bool], int]


def cut_lines(entries: bytes, start: int, most: int, at_least_one: bool) -> int:
    """The end of the last entry that ends at `most` or before; `start` if there is none, or the first's end."""
    end = entries.rfind(b"\n", start, most) + 1
    return end or (entries.index(b"\n", start) + 1 if at_least_one else start)


class NoLog(OSError):
    """The log cannot begin, so nor can the container. Says why as dockerd does."""


class LogFile:
    """Where all streams of a container are written. `lost` counts bytes that could not be."""

    def __init__(
        self,
        path: str,
        fd: int = -1,
        *,
        max_size: int = 0,
        max_files: int = 1,
        compress: bool = False,
        cut: Cut = cut_lines,
    ) -> None:
        """`fd` is the file if it is open already; `cut` knows where entries end."""
        self._path = path
        self._max_size = max_size
        self._max_files = max_files
        self._compress = compress
        self._cut = cut
        self._compressing = 0
        self.lost = 0
        self._fd = fd
        self._open()

    def _open(self) -> None:
        if self._fd < 0:
            self._fd = open_log(self._path)
        self._size = os.fstat(self._fd).st_size

    def write(self, entries: bytes) -> None:
        """Adds whole entries; rotates between two of them."""
        if not self._max_size or self._size + len(entries) <= self._max_size:
            self._write(entries)
            return
        start = 0
        while self._size + len(entries) - start > self._max_size:
            most = start + max(0, self._max_size - self._size)
            # An empty file takes one entry, even if that is larger than a file may be.
            end = self._cut(entries, start, most, not self._size)
            self._write(entries[start:end])
            start = end
            if start == len(entries):
                return
            self._rotate()
        self._write(entries[start:])

    def _write(self, entries: bytes) -> None:
        done = 0
        try:
            while done < len(entries):
                done += os.write(self._fd, memoryview(entries)[done:])
        except OSError:
            done = self._keep_whole(entries, done)
            self.lost += len(entries) - done
        self._size += done

    def _keep_whole(self, entries: bytes, done: int) -> int:
        """Takes half an entry away from the end of a file on a full disk; how much of `entries` stays."""
        whole = self._cut(entries, 0, done, False)
        try:
            if whole < done:
                # Not by our own count, which begins again where a rotation found no room.
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - (done - whole))
        except OSError:
            return done
        return whole

    def _rotate(self) -> None:
        try:
            if self._max_files <= 1:
                os.ftruncate(self._fd, 0)
            else:
                self._begin_next()
            self._size = 0
        except OSError:
            self._size = 0  # no room for a new file: go on in the old one and try again after as many bytes

    def _begin_next(self) -> None:
        self._go_on_anew(self._shift)
        if self._compress:
            self._compressing = in_child(lambda: compress(f"{self._path}.1"))

    def _go_on_anew(self, make_way: Callable[[], None]) -> None:
        """Goes on in a new file, which takes the place of the present one. Raises OSError, and then in this one."""
        # Made first, under another name: where there is no room for it, all stays as it is.
        following = f"{self._path}.new"
        fd = open_log(following)
        try:
            make_way()
            os.rename(following, self._path)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd

    def _shift(self) -> None:
        self._finish_compressing()
        for number in range(self._max_files - 1, 0, -1):
            for ending in ("", ".gz"):
                older = f"{self._path}.{number}{ending}"
                if not os.path.exists(older):
                    continue
                if number == self._max_files - 1:
                    os.unlink(older)
                else:
                    os.rename(older, f"{self._path}.{number + 1}{ending}")
        try:
            os.rename(self._path, f"{self._path}.1")
        except FileNotFoundError:
            pass  # somebody removed it: what is written from now on can be found again

    def clear(self) -> None:
        """Removes all that was written. From the oldest on: of a removal that is cut off, the newest stays."""
        self._finish_compressing()
        number = 1
        while any(os.path.exists(f"{self._path}.{number}{ending}") for ending in ("", ".gz")):
            number += 1
        for older in range(number - 1, 0, -1):
            for ending in ("", ".gz"):
                try:
                    os.unlink(f"{self._path}.{older}{ending}")
                except FileNotFoundError:
                    pass
        try:
            # A new file, not an emptied one: who follows the log cannot take what comes for what was there.
            self._go_on_anew(lambda: None)
        except OSError:
            os.ftruncate(self._fd, 0)
        self._size = 0

    def _finish_compressing(self) -> None:
        if self._compressing:
            try:
                os.waitpid(self._compressing, 0)
            except ChildProcessError:
                pass  # the shim's reaper saw it end
            self._compressing = 0

    def close(self) -> None:
        self._finish_compressing()
        os.close(self._fd)


class Encoder(Protocol):
    """Makes entries of one stream."""

    def feed(self, chunk: bytes, time: bytes) -> bytes: ...

    def finish(self, time: bytes) -> bytes: ...


class Log:
    """The streams of one container on their way to its log file."""

    #: See logs.Output: a file takes all at once.
    is_full = False
    is_idle = True

    def __init__(self, file: LogFile, attributes: dict[str, str]) -> None:
        self.file = file
        self.clock = now
        self._encoders: dict[int, Encoder] = {
            1: LineEncoder("stdout", attributes),
            2: LineEncoder("stderr", attributes),
        }

    @property
    def lost(self) -> int:
        """Bytes that could not be written."""
        return self.file.lost

    def write(self, stream: int, data: bytes, time: bytes = b"") -> None:
        """Logs what was read from stream 1 or 2, now or at `time`, which is from clock()."""
        entries = self._encoders[stream].feed(data, time or self.clock())
        if entries:
            self.file.write(entries)

    def clear(self) -> None:
        """Removes what was logged. Of a line that is not finished, all will be logged."""
        self.file.clear()

    def finish(self) -> None:
        """Logs unfinished last lines and closes the file."""
        for encoder in self._encoders.values():
            if entries := encoder.finish(self.clock()):
                self.file.write(entries)
        self.file.close()


def in_child(work: Callable[[], None]) -> int:
    """Does `work` in a forked child, and returns its pid."""
    if pid := os.fork():
        return pid
    try:
        work()
    finally:
        os._exit(0)


def compress(path: str) -> None:
    """Replaces a file by path.gz."""
    import zlib  # only in the child: a shim without rotation never needs it

    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with open(path, "rb") as source, open(f"{path}.gz.new", "wb") as target:  # noqa: PTH123
        while chunk := source.read(_COMPRESS_CHUNK):
            target.write(packer.compress(chunk))
        target.write(packer.flush())
    moment = os.stat(path).st_mtime_ns
    os.utime(f"{path}.gz.new", ns=(moment, moment))  # by which a reader knows that it has read this already
    os.rename(f"{path}.gz.new", f"{path}.gz")
    os.unlink(path)
