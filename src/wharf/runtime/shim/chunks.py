"""The files of the local driver, and of what is cached of other drivers: what was read from a stream, byte for byte.

A chunk is `head payload size`: the head is b"\\xffWL", the stream's number, the time and the size; numbers are little
endian. The payload is whole lines, or a piece of a line that is longer than LONGEST_LINE. The size comes again at the
end so that a file can be read from there. Costs nothing for each line or byte, and keeps what is not text.
"""

import os
import struct
import time
from typing import Final

from wharf.runtime.shim.encoder import LONGEST_LINE
from wharf.runtime.shim.logfile import Log, LogFile

_MARK: Final = b"\xffWL"
_HEAD: Final = struct.Struct("<3sBQI")
_SIZE: Final = struct.Struct("<I")
_AROUND: Final = _HEAD.size + _SIZE.size
#: Larger chunks would be rotated too late, and read all at once.
_LARGEST: Final = 1 << 16


def clock() -> bytes:
    """Now, as a chunk has it: nanoseconds of Unix time."""
    return time.time_ns().to_bytes(8, "little")


class ChunkEncoder:
    """Makes chunks of one stream. Keeps the unfinished line, shorter than LONGEST_LINE."""

    def __init__(self, stream: int, largest: int) -> None:
        """A chunk's payload has at most `largest` bytes, where its lines are not longer."""
        self._stream = stream
        self._largest = largest
        self._rest = b""

    def feed(self, chunk: bytes, time: bytes) -> bytes:
        """The log's bytes for what `chunk` completes; `time` is from clock()."""
        data = self._rest + chunk if self._rest else chunk
        end = data.rfind(b"\n") + 1
        end += (len(data) - end) // LONGEST_LINE * LONGEST_LINE
        self._rest = data[end:]
        return b"".join(self._chunks(data[:end], time))

    def finish(self, time: bytes) -> bytes:
        """The log's bytes for an unfinished last line."""
        data, self._rest = self._rest, b""
        return b"".join(self._chunks(data, time))

    def _chunks(self, data: bytes, time: bytes) -> list[bytes]:
        found = []
        while len(data) > self._largest:
            end = data.rfind(b"\n", 0, self._largest) + 1 or data.find(b"\n", self._largest, LONGEST_LINE) + 1
            end = end or min(len(data), LONGEST_LINE)
            found.append(self._chunk(data[:end], time))
            data = data[end:]
        if data:
            found.append(self._chunk(data, time))
        return found

    def _chunk(self, payload: bytes, time: bytes) -> bytes:
        size = len(payload)
        moment = int.from_bytes(time, "little")
        return b"".join((_HEAD.pack(_MARK, self._stream, moment, size), payload, _SIZE.pack(size)))


def cut(entries: bytes, start: int, most: int, at_least_one: bool) -> int:
    """See logfile.cut_lines."""
    end = start
    while end < len(entries):
        after = end + _AROUND + _HEAD.unpack_from(entries, end)[3]
        if after > most and not (at_least_one and end == start):
            break
        end = after
    return end


def repair(path: str) -> None:
    """Takes away what a crash has left of a chunk at the end of a file: what follows could not be found behind it."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        if size and not _ends_whole(fd, size):
            os.ftruncate(fd, _whole(fd, size))
    finally:
        os.close(fd)


def _ends_whole(fd: int, size: int) -> bool:
    if size < _AROUND:
        return False
    (payload,) = _SIZE.unpack(os.pread(fd, _SIZE.size, size - _SIZE.size))
    start = size - _AROUND - payload
    return start >= 0 and _is_head(os.pread(fd, _HEAD.size, start), payload)


def _whole(fd: int, size: int) -> int:
    """Where the last whole chunk ends, looked for from the beginning."""
    end = 0
    while end + _AROUND <= size:
        head = os.pread(fd, _HEAD.size, end)
        payload = _HEAD.unpack(head)[3]
        after = end + _AROUND + payload
        if not _is_head(head, payload) or after > size:
            break
        if os.pread(fd, _SIZE.size, after - _SIZE.size) != _SIZE.pack(payload):
            break
        end = after
    return end


def _is_head(head: bytes, payload: int) -> bool:
    mark, stream, _, size = _HEAD.unpack(head)
    return bool(mark == _MARK and stream in (1, 2) and size == payload)


class ChunkLog(Log):
    """A Log whose file holds chunks."""

    def __init__(self, file: LogFile, max_size: int) -> None:
        self.file = file
        self.clock = clock
        largest = min(_LARGEST, max_size - _AROUND) if max_size > _AROUND else _LARGEST
        self._encoders = {stream: ChunkEncoder(stream, largest) for stream in (1, 2)}
