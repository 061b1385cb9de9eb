"""The server on real sockets: unix, TCP and TLS."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import trustme

from wharf.api.engine_port import Engine
from wharf.api.server import ApiServer

PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


@asynccontextmanager
async def serving(sock: socket.socket, context: ssl.SSLContext | None = None) -> AsyncIterator[ApiServer]:
    server = ApiServer(cast(Engine, SimpleNamespace(system=System())))
    try:
        await server.serve(sock, context)
        yield server
    finally:
        await server.close(grace=0.2)


class System:
    async def info(self) -> str:
        await asyncio.sleep(0.1)
        return "slow"


def bound_tcp() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for _ in range(2):
        writer.write(PING)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        assert await reader.readexactly(2) == b"OK"


def test_unix(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = str(tmp_path / "s")
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        async with serving(sock) as server:
            reader, writer = await asyncio.open_unix_connection(path)
            await ping(reader, writer)
            assert len(server.connections) == 1
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(OSError):
            await asyncio.open_unix_connection(path)

    asyncio.run(scenario())


def test_tcp_with_half_close() -> None:
    async def scenario() -> None:
        sock = bound_tcp()
        async with serving(sock):
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(PING + b"GET /info HTTP/1.1\r\nHost: d\r\n\r\n")
            writer.write_eof()
            answer = await reader.read()
            assert b"\r\n\r\nOKHTTP/1.1 200 OK" in answer and answer.endswith(b'"slow"\n')
            writer.close()

    asyncio.run(scenario())


def test_tls_with_client_certificates() -> None:
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(ours)
    ours.verify_mode = ssl.CERT_REQUIRED
    theirs = ssl.create_default_context()
    for context in (ours, theirs):
        authority.configure_trust(context)
    strangers = ssl.create_default_context()
    authority.configure_trust(strangers)
    authority.issue_cert("client").configure_cert(theirs)

    async def scenario() -> None:
        sock = bound_tcp()
        host, port = sock.getsockname()
        async with serving(sock, ours):
            reader, writer = await asyncio.open_connection(host, port, ssl=theirs, server_hostname="localhost")
            await ping(reader, writer)
            writer.close()
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await ping(*await asyncio.open_connection(host, port, ssl=strangers, server_hostname="localhost"))

    asyncio.run(scenario())
