"""The API server: gives connections to the router's operations, on any number of sockets."""

import asyncio
import itertools
import socket
import ssl as tls
import sys
from collections.abc import Mapping
from typing import Any, Final

from wharf.api.connection import Connection
from wharf.api.engine_port import Engine
from wharf.api.router import Router
from wharf.api.routes.table import operations
from wharf.api.tls import TlsConnection

#: Connections waiting to be accepted.
_BACKLOG: Final = 1024
#: Since Python 3.13 a loop removes the path of a unix socket that it closes, which is its maker's, such as systemd's.
_KEPT: Final[Mapping[str, Any]] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
_SWEEP: Final = 30.0  # seconds between looks for quiet connections
#: Rounds a connection may be quiet between two requests: five minutes.
_QUIET_ROUNDS: Final = 10


class ApiServer:
    """Serves `engine`. Made inside a running event loop, or before it; `close` ends all it began."""

    def __init__(self, engine: Engine, router: Router | None = None) -> None:
        self.engine: Final = engine
        self.router: Final = router or Router(operations())
        self.connections: set[Connection] = set()
        self.closing = False
        self._listening: list[asyncio.Server] = []
        self._numbers = itertools.count(1)
        self._sweeper: asyncio.TimerHandle | None = None

    def protocol_factory(self) -> Connection:
        """A protocol for one accepted connection."""
        return Connection(self)

    def new_request_id(self) -> str:
        return f"{next(self._numbers):06x}"

    async def serve(self, sock: socket.socket, ssl: tls.SSLContext | None = None) -> asyncio.Server:
        """Accepts connections on a bound unix or TCP socket (listening or not) until `close`, which closes it."""
        loop = asyncio.get_running_loop()

        def factory() -> asyncio.Protocol:
            return self.protocol_factory() if ssl is None else TlsConnection(ssl, self.protocol_factory)

        if sock.family == socket.AF_UNIX:
            listening = await loop.create_unix_server(factory, sock=sock, backlog=_BACKLOG, **_KEPT)
        else:
            listening = await loop.create_server(factory, sock=sock, backlog=_BACKLOG)
        self._listening.append(listening)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP, self._sweep)
        return listening

    def _sweep(self) -> None:
        for connection in list(self.connections):
            connection.sweep(_QUIET_ROUNDS)
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)

    async def close(self, grace: float = 5.0) -> None:
        """Accepts no more, lets running requests end for `grace` seconds, then cuts them."""
        self.closing = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for listening in self._listening:
            listening.close()
        tasks = {task for connection in list(self.connections) if (task := connection.shut())}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)
        for connection in list(self.connections):
            connection.abort()
