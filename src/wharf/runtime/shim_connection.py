"""Connections of wharfd to a shim's socket in the bundle, and the stream of an attached client."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any, Final

from wharf.errors import EngineError
from wharf.runtime import records, wire

_CHUNK: Final = 1 << 18


async def connect(bundle: Path) -> socket.socket | None:
    """A new connection to the shim, or None when no shim listens there."""
    connection = unconnected()
    try:
        if await reach(connection, bundle):
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def unconnected() -> socket.socket:
    """What reach() makes a connection."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.setblocking(False)
    return made


async def reach(connection: socket.socket, bundle: Path) -> bool:
    """Connects to the shim; False when no shim listens there."""
    try:
        directory = os.open(bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Through the descriptor, because a socket's path must be shorter than 108 bytes and the bundle's may not be.
        await _connect(connection, f"/proc/self/fd/{directory}/{records.SOCKET}")
        return True
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    finally:
        os.close(directory)


async def _connect(connection: socket.socket, address: str) -> None:
    while True:
        try:
            connection.connect(address)
            return
        except BlockingIOError:  # as many others are just connecting as the shim's backlog holds
            await asyncio.sleep(0.005)


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
