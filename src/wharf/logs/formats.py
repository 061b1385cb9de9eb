"""How entries stand in the files of a log: as lines of JSON, or in chunks (see runtime/shim/chunks.py)."""

import os
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, Final, Literal, Protocol

import msgspec

from wharf.logs.entries import LogEntry

#: A place in a file: an offset, and how many entries are passed over from there.
Spot = tuple[int, int]

_BLOCK: Final = 1 << 16
#: No payload of the shim's is larger.
_LARGEST_CHUNK: Final = 1 << 16


class Format(Protocol):
    def parse(self, data: bytes) -> tuple[list[LogEntry], bytes]:
        """The entries of `data`, which begins where one does, and what is left: the beginning of another."""

    def backwards(self, file: BinaryIO) -> Iterator[tuple[Spot, bool]]:
        """For each entry, from the last to the first: the spot after it, and whether it ends a line."""


class _Stored(msgspec.Struct):
    log: str
    stream: Literal["stdout", "stderr"]
    time: str
    attrs: dict[str, str] = {}


class JsonLines:
    """The files of json-file. Torn lines, which a crash or a full disk left, are passed over."""

    _decoder: Final = msgspec.json.Decoder(_Stored)

    def parse(self, data: bytes) -> tuple[list[LogEntry], bytes]:
        whole, newline, begun = data.rpartition(b"\n")
        found = self._decode(whole + newline) if newline else []
        return [LogEntry(one.stream, one.time, one.log.encode(), one.attrs) for one in found], begun

    def _decode(self, lines: bytes) -> list[_Stored]:
        try:
            return self._decoder.decode_lines(lines)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return list(self._decode_one_by_one(lines))

    def _decode_one_by_one(self, lines: bytes) -> Iterator[_Stored]:
        for line in lines.splitlines():
            try:
                yield self._decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue

    def backwards(self, file: BinaryIO) -> Iterator[tuple[Spot, bool]]:
        end = file.seek(0, os.SEEK_END)
        rest = b""  # the beginning of what was read so far: a line whose start is not known yet
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            data = file.read(end - start) + rest
            lines = data.splitlines(keepends=True) if b"\r" not in data else _split(data)
            first = 0 if start == 0 else 1
            position = start + len(data)
            for raw in reversed(lines[first:]):
                if raw.endswith(b"\n"):
                    yield (position, 0), _ends_line(raw)
                position -= len(raw)
            rest = lines[0] if first else b""
            end = start


def _split(data: bytes) -> list[bytes]:
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + ([tail] if (tail := data.rpartition(b"\n")[2]) else [])


def _ends_line(raw: bytes) -> bool:
    """Whether an entry, as it stands in the file, holds the end of a line (a long line has several entries)."""
    return b'\\n","stream":"' in raw or b'"stream":"' not in raw


class Chunks:
    """The files of local, and the cache of drivers that have none. What follows damage in a file is not shown."""

    _head: Final = struct.Struct("<3sBQI")
    _size: Final = struct.Struct("<I")
    _streams: Final[dict[int, Literal["stdout", "stderr"]]] = {1: "stdout", 2: "stderr"}

    def parse(self, data: bytes) -> tuple[list[LogEntry], bytes]:
        found: list[LogEntry] = []
        at = 0
        while at + self._head.size <= len(data):
            mark, stream, moment, size = self._head.unpack_from(data, at)
            if mark != b"\xffWL" or stream not in self._streams or size > _LARGEST_CHUNK:
                return found, b""  # kept, it would only grow
            start = at + self._head.size
            after = start + size + self._size.size
            if after > len(data):
                break
            time = _text(moment)
            found += [LogEntry(self._streams[stream], time, line) for line in _lines(data[start : start + size])]
            at = after
        return found, data[at:]

    def backwards(self, file: BinaryIO) -> Iterator[tuple[Spot, bool]]:
        end = file.seek(0, os.SEEK_END)
        while end >= self._head.size + self._size.size:
            file.seek(end - self._size.size)
            (size,) = self._size.unpack(file.read(self._size.size))
            start = end - self._size.size - size - self._head.size
            if start < 0:
                return
            file.seek(start)
            entries, _ = self.parse(file.read(end - start))
            if not entries:
                return
            yield (end, 0), entries[-1].line.endswith(b"\n")
            for number in range(len(entries) - 1, 0, -1):
                yield (start, number), True
            end = start


def _lines(payload: bytes) -> list[bytes]:
    """Lines with their ends; only "\\n" ends one."""
    *lines, rest = payload.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


def _text(moment: int) -> str:
    seconds, rest = divmod(moment, 10**9)
    return f"{datetime.fromtimestamp(min(seconds, 1 << 37), UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


JSON_LINES: Final = JsonLines()
CHUNKS: Final = Chunks()
