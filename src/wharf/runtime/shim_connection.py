"""Connections of wharfd to a shim's socket in the bundle, and the stream of an attached client."""

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from wharf.errors import EngineError
from wharf.runtime import records, wire

_CHUNK: Final = 1 << 18


async def connect(bundle: Path) -> socket.socket | None:
    """A new connection to the shim, or None when no shim listens there."""
    while True:
        try:
            return connect_now(bundle)
        except BlockingIOError:  # as many others are just connecting as the shim's backlog holds
            await asyncio.sleep(0.005)


def connect_now(bundle: Path) -> socket.socket | None:
    """As connect(). Raises BlockingIOError when it would have to wait."""
    try:
        directory = os.open(bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        # Through the descriptor, because a socket's path must be shorter than 108 bytes and the bundle's may not be.
        connection.connect(f"/proc/self/fd/{directory}/{records.SOCKET}")
        return connection
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(directory)


class Calls:
    """Connections to the shims of an earlier daemon, that have been asked already what they run."""

    def __init__(self) -> None:
        self._asked: dict[str, socket.socket] = {}

    def call_all(self, bundles: Path) -> None:
        """Asks all shims of which there is a bundle, and does not wait: they answer while this process still starts."""
        for bundle in bundles.iterdir() if bundles.is_dir() else ():
            try:
                connection = connect_now(bundle)
            except OSError:
                continue  # the time for patience comes later
            if connection is not None:
                _ask(connection)
                self._asked[bundle.name] = connection

    def take(self, bundle: Path) -> socket.socket | None:
        """The caller closes it."""
        return self._asked.pop(bundle.name, None)

    def close(self) -> None:
        """Those that nobody has taken."""
        for connection in self._asked.values():
            connection.close()


async def asked(bundle: Path) -> socket.socket | None:
    """A new connection to a shim that has been asked; None when no shim listens there."""
    if (connection := await connect(bundle)) is not None:
        _ask(connection)
    return connection


def _ask(connection: socket.socket) -> None:
    """It shall tell what it runs, and all that becomes of it."""
    with suppress(OSError):  # it has just ended: so says the connection
        wire.send(connection, {"op": "monitor"})


class ShimStream:
    """An AttachStream over its own connection to the shim."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, bundle: Path, request: dict[str, Any]) -> "ShimStream":
        """Attaches. Raises EngineError when there is no shim any more."""
        connection = await connect(bundle)
        if connection is None:
            raise EngineError("the container has ended")
        stream = cls(connection)
        try:
            wire.send(connection, request)
            await stream._acknowledged()
        except BaseException:
            stream.close()
            raise
        return stream

    async def _acknowledged(self) -> None:
        # Byte by byte, since the container's output may follow at once.
        line = b""
        while not line.endswith(b"\n"):
            byte = await self._loop.sock_recv(self._socket, 1)
            if not byte:
                raise EngineError("the container has ended")
            line += byte

    async def read(self) -> bytes:
        try:
            return await self._loop.sock_recv(self._socket, _CHUNK)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        try:
            await self._loop.sock_sendall(self._socket, data)
        except OSError:
            pass  # the container has ended, and its exit status says how

    async def end_stdin(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has ended already

    def close(self) -> None:
        self._socket.close()
