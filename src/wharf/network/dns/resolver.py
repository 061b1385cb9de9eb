"""One container's resolver: reads queries, answers them or has them answered."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from wharf.network.dns import answering, upstream
from wharf.network.dns.contract import Server, View
from wharf.network.dns.sockets import Sockets

log = logging.getLogger(__name__)

_LARGEST_QUERY: Final = 65535
#: How many queries one container may have open outside; those above it are dropped, as a full queue would.
_MOST_FORWARDED: Final = 256
_MOST_CONNECTIONS: Final = 64
#: Datagrams read in one go: a container that floods its resolver does not keep wharfd from everything else.
_AT_ONCE: Final = 4
#: Seconds a connection may be silent.
_IDLE: Final = 10.0
#: While wharfd has too many files open a connection stays where it is, and would be tried without an end.
_SHORT_OF: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE: Final = 1.0  # seconds


class Resolver:
    """Serves until close()."""

    def __init__(self, sockets: Sockets, view: View, servers: Callable[[], Sequence[Server]]) -> None:
        """`servers` says whom to ask for names that are not ours; none means that they are not to be had."""
        self._sockets = sockets
        self._view = view
        self._servers = servers
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._forwarded = 0
        self._loop.add_reader(sockets.datagrams.fileno(), self._read)
        self._listen()

    def close(self) -> None:
        """Also lets the container's namespace go, which the sockets keep."""
        if self._sockets.datagrams.fileno() < 0:
            return
        self._loop.remove_reader(self._sockets.datagrams.fileno())
        self._loop.remove_reader(self._sockets.connections.fileno())
        self._sockets.close()
        for task in self._tasks:
            task.cancel()

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                query, peer = self._sockets.datagrams.recvfrom(_LARGEST_QUERY)
            except OSError:
                return  # nothing more, or an earlier answer that nobody took
            try:
                response = answering.answer(query, self._view)
            except ValueError:
                continue
            if response is not None:
                self._send(response, peer)
            elif self._forwarded < _MOST_FORWARDED:
                self._spawn(self._forward(query, peer))

    def _send(self, response: bytes, peer: tuple[str, int]) -> None:
        try:
            self._sockets.datagrams.sendto(response, peer)
        except OSError:
            pass  # a datagram may be lost, and whoever asked may have gone

    async def _forward(self, query: bytes, peer: tuple[str, int]) -> None:
        if (response := await self._elsewhere(query, stream=False)) is not None:
            self._send(response, peer)

    async def _elsewhere(self, query: bytes, *, stream: bool) -> bytes | None:
        self._forwarded += 1
        try:
            found = await upstream.ask(query, self._servers(), self._sockets.namespace, stream=stream)
            return found or answering.failure(query)
        finally:
            self._forwarded -= 1

    def _listen(self) -> None:
        if self._sockets.connections.fileno() >= 0:
            self._loop.add_reader(self._sockets.connections.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._sockets.connections.accept()
        except OSError as error:
            if error.errno in _SHORT_OF:
                log.warning("a container's resolver takes no connection now", extra={"reason": str(error)})
                self._loop.remove_reader(self._sockets.connections.fileno())
                self._loop.call_later(_PAUSE, self._listen)
            return
        if self._connections >= _MOST_CONNECTIONS:
            connection.close()
            return
        self._connections += 1
        self._spawn(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        writer = None
        try:
            reader, writer = await asyncio.open_connection(sock=connection)
            while True:
                length = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), _IDLE), "big")
                query = await asyncio.wait_for(reader.readexactly(length), _IDLE)
                response = answering.answer(query, self._view, stream=True)
                response = response or await self._elsewhere(query, stream=True) or b""
                writer.write(len(response).to_bytes(2, "big") + response)
                await asyncio.wait_for(writer.drain(), _IDLE)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the end of the connection, or of our patience with it
        finally:
            self._connections -= 1
            (writer or connection).close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work, name="dns")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a resolver's task failed", exc_info=error)
