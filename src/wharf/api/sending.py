"""Answers on their way out: heads, chunks, and the client's pace."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from wharf.api.body import ClientGone
from wharf.api.head import Head
from wharf.api.messages import Response, Streaming
from wharf.api.wire import LAST_CHUNK, response_head

#: Bytes of a stream after which other connections have their turn.
_TURN: Final = 1024 * 1024


def whole_answer(answer: Response, head: Head, *, keep_alive: bool) -> bytes:
    """The bytes of an answer to the request with this head."""
    empty = answer.status in (204, 304)
    start = response_head(
        answer.status,
        content_type="" if empty else answer.content_type,
        length=None if empty else len(answer.body),
        keep_alive=keep_alive,
        http_minor=head.http_minor,
        headers=answer.headers,
    )
    return start if empty or head.method == "HEAD" else start + answer.body


class Outlet:
    """The way to the client, at its pace. The connection tells it when to pause."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport: Final = transport
        self._drained: asyncio.Future[None] | None = None  # set while the client does not read
        self._sent = 0  # bytes since the others' turn

    @property
    def full(self) -> bool:
        """Whether the client should read before it gets more."""
        return self._drained is not None

    def pause(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    async def drain(self) -> None:
        """Waits while the client does not read. Raises ClientGone when it is."""
        if self._drained is not None and not self.transport.is_closing():
            await self._drained
        if self.transport.is_closing():
            raise ClientGone

    async def send_stream(self, answer: Streaming, head: Head, first: bytes, rest: AsyncIterator[bytes]) -> None:
        """The whole of a stream with its head. HTTP/1.0 knows no chunks: there the connection's end is the stream's."""
        chunked = head.http_minor > 0
        self.transport.write(
            response_head(
                200,
                content_type=answer.content_type,
                chunked=chunked,
                keep_alive=chunked and head.keep_alive,
                http_minor=head.http_minor,
                headers=answer.headers,
            )
        )
        if first:
            await self._send(first, chunked)
        async for piece in rest:
            if piece:
                await self._send(piece, chunked)
        if chunked:
            self.transport.write(LAST_CHUNK)

    async def _send(self, piece: bytes, chunked: bool) -> None:
        if chunked:
            self.transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        else:
            self.transport.write(piece)
        await self.drain()
        self._sent += len(piece)
        if self._sent > _TURN:
            # A source that never waits, read by a client that never stops, must not keep the loop to itself.
            self._sent = 0
            await asyncio.sleep(0)
