"""The two directions of a hijacked connection."""

import asyncio
from typing import Final

from wharf.api.body import ClientGone
from wharf.api.presence import has_taken
from wharf.api.sending import Outlet

#: Bytes from the client that may wait for a slow container before we stop reading.
_HIGH_WATER: Final = 256 * 1024
#: docker-py reads the head through a buffer that it then throws away: what comes with the head is lost to it. So the
#: first output waits until the head has been taken; where that cannot be seen, for this many seconds.
_HEAD_START: Final = 0.005
#: Seconds between two looks, and until a client counts as one that reads in its own time.
_LOOK: Final = 0.001
_HEAD_LIMIT: Final = 5.0


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
        self._opened = asyncio.get_running_loop().time()
        self._first = True

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
        if self._first:
            await self._head_taken()
            self._first = False
        if self._lost:
            raise ClientGone
        self._transport.write(data)
        await self._outlet.drain()

    async def _head_taken(self) -> None:
        clock, sock = asyncio.get_running_loop().time, self._transport.get_extra_info("socket")
        while not self._lost and (taken := has_taken(sock)) is not True:
            until = self._opened + (_HEAD_START if taken is None else _HEAD_LIMIT)
            if (left := until - clock()) <= 0:
                return
            await asyncio.sleep(min(left, _LOOK))
