"""The body of a request: its framing (pure) and the buffer from which one handler reads it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

from wharf.errors import InvalidArgument, TooLarge

#: Bytes that may wait for a slow handler before we stop reading from the client.
HIGH_WATER: Final = 256 * 1024
#: Bytes of a JSON body. The largest real ones (a service with its configs) are below 1 MiB.
MAX_JSON: Final = 16 * 1024 * 1024
_MAX_CHUNK_LINE: Final = 4096


class ClientGone(ConnectionError):
    """The client left, perhaps in the middle of its body. Nobody is left to be told."""


class Framing(Protocol):
    """Finds a body in the bytes of a connection."""

    done: bool

    def feed(self, data: bytes, start: int) -> tuple[list[bytes], int]:
        """Pieces of the body in data[start:], and where the first byte after them is. Raises InvalidArgument."""


class LengthFraming:
    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes, start: int) -> tuple[list[bytes], int]:
        end = min(len(data), start + self._left)
        self._left -= end - start
        self.done = self._left == 0
        return ([data[start:end]] if end > start else []), end


class ChunkedFraming:
    """Transfer-Encoding: chunked (RFC 9112, 7.1). Extensions and trailers are read and dropped."""

    def __init__(self) -> None:
        self.done = False
        self._line = b""  # an incomplete size or trailer line
        self._left = 0  # bytes of the present chunk that are still to come
        self._after_chunk = False  # the next line is the empty one behind a chunk's data
        self._in_trailer = False
        self._trailer_bytes = 0

    def feed(self, data: bytes, start: int) -> tuple[list[bytes], int]:
        pieces: list[bytes] = []
        at = start
        while at < len(data) and not self.done:
            if self._left:
                end = min(len(data), at + self._left)
                pieces.append(data[at:end])
                self._left -= end - at
                self._after_chunk = self._left == 0
                at = end
                continue
            end = data.find(b"\n", at)
            piece = data[at : len(data) if end < 0 else end + 1]
            self._line += piece
            at += len(piece)
            if len(self._line) > _MAX_CHUNK_LINE:
                raise InvalidArgument("header line too long")
            if end >= 0:
                line, self._line = self._line, b""
                self._take_line(line)
        return pieces, at

    def _take_line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            raise InvalidArgument("chunked line ends with bare LF")
        line = line[:-2]
        if self._after_chunk:
            if line:
                raise InvalidArgument("malformed chunked encoding")
            self._after_chunk = False
        elif self._in_trailer:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > _MAX_CHUNK_LINE:
                raise InvalidArgument("trailer too long")
            self.done = not line
        else:
            self._left = _chunk_size(line)
            self._in_trailer = self._left == 0


def _chunk_size(line: bytes) -> int:
    digits = line.split(b";", 1)[0].rstrip(b" \t")
    if not digits or digits.strip(b"0123456789abcdefABCDEF"):
        raise InvalidArgument("invalid byte in chunk length")
    if len(digits) > 16:
        raise InvalidArgument("http chunk length too large")
    return int(digits, 16)


class Body:
    """A request's body as it arrives, for one reader.

    `wanted` runs before the first wait for bytes, `room` whenever the buffer is empty again.
    """

    def __init__(self, framing: Framing, *, wanted: Callable[[], None], room: Callable[[], None]) -> None:
        self._framing = framing
        self._pieces: list[bytes] = []
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._wanted: Callable[[], None] | None = wanted
        self._room = room
        self.buffered = 0

    @property
    def received(self) -> bool:
        """Whether all of it has come from the client (or never will), be it read or not."""
        return self._framing.done or self._error is not None

    def feed(self, data: bytes, start: int) -> int:
        """Takes what belongs to the body; returns where the rest begins. A broken body shows when it is read."""
        try:
            pieces, end = self._framing.feed(data, start)
        except InvalidArgument as error:
            self.fail(error)
            return len(data)
        for piece in pieces:
            self.buffered += len(piece)
            self._pieces.append(piece)
        self._wake()
        return end

    def fail(self, error: Exception) -> None:
        """No more will come."""
        if not self.received:
            self._error = error
            self._wake()

    @property
    def broken(self) -> bool:
        return self._error is not None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. Raises ClientGone when the client left, InvalidArgument for broken chunks."""
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._framing.done:
                return b""
            if self._wanted is not None:
                self._wanted()
                self._wanted = None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self.buffered = 0
        self._room()
        return data

    async def read_all(self, limit: int = MAX_JSON) -> bytes:
        """The whole body. Raises TooLarge above `limit` bytes."""
        parts: list[bytes] = []
        size = 0
        while data := await self.read():
            size += len(data)
            if size > limit:
                raise TooLarge(f"request body larger than {limit} bytes")
            parts.append(data)
        return b"".join(parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data
