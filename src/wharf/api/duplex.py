"""The two directions of a hijacked connection."""

import asyncio
from typing import Final

from wharf.api.body import ClientGone
from wharf.api.sending import Outlet

#: Bytes from the client that may wait for a slow container before we stop reading.
_HIGH_WATER: Final = 256 * 1024
#: Seconds between the head and the first output. docker-py reads the head through a buffer that it then throws away:
#: what comes with the head is lost to it. dockerd is never so quick that anybody noticed.
_HEAD_START: Final = 0.005


class HijackedStream:
    """Implements messages.Duplex. The connection feeds it."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._transport = outlet.transport
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._lost = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._not_before = asyncio.get_running_loop().time() + _HEAD_START

    def feed(self, data: bytes) -> None:
        if not data:
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _HIGH_WATER and not self._paused and not self._ended:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def feed_eof(self) -> None:
        self._ended = True
        self._wake()

    def lose(self) -> None:
        """The connection is gone, in both directions."""
        self._lost = True
        self.feed_eof()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        while not self._pieces:
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused and not self._ended and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        if self._not_before and (left := self._not_before - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)
        self._not_before = 0.0
        if self._lost:
            raise ClientGone
        self._transport.write(data)
        await self._outlet.drain()
