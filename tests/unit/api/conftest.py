"""A server with a few operations of the test's own, and a client that is nothing but a socket."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import pytest

from wharf.api.engine_port import Engine
from wharf.api.messages import Duplex, Hijack, Request, Response, Streaming
from wharf.api.router import Operation, Router
from wharf.api.server import ApiServer
from wharf.errors import Conflict


class Scene:
    """What the test's operations share: it stands in for the engine."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.started = asyncio.Event()
        self.produced = 0


def now(scene: Any, request: Request) -> Response:
    return Response(200, b"now", "text/plain")


def bug(scene: Any, request: Request) -> Response:
    raise RuntimeError("secret")


async def echo(scene: Any, request: Request) -> Response:
    return Response(200, await request.body.read_all(1 << 20), "text/plain")


async def ignore_body(scene: Any, request: Request) -> Response:
    raise Conflict("not now")


async def wait(scene: Any, request: Request) -> Response:
    scene.started.set()
    try:
        await scene.release.wait()
    except asyncio.CancelledError:
        scene.cancelled.set()
        raise
    return Response(200, b"waited", "text/plain")


async def stream(scene: Any, request: Request) -> Streaming:
    async def pieces() -> AsyncIterator[bytes]:
        if request.query.text("fail") == "first":
            raise Conflict("nothing to stream")
        yield b"one"
        if request.query.text("fail") == "second":
            raise RuntimeError("secret")
        yield b"two"

    return Streaming(pieces(), "text/plain", at_once=request.query.flag("at_once"))


async def flood(scene: Any, request: Request) -> Streaming:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                scene.produced += 1
                yield bytes(64 * 1024)
        finally:
            scene.cancelled.set()

    return Streaming(pieces(), "text/plain")


async def silent(scene: Any, request: Request) -> Streaming:
    async def pieces() -> AsyncIterator[bytes]:
        scene.started.set()
        try:
            await scene.release.wait()
            yield b"end"
        finally:
            scene.cancelled.set()

    return Streaming(pieces(), "text/plain", at_once=True)


async def hijack(scene: Any, request: Request) -> Hijack:
    """Sends the body of the request, then all that comes, then "bye"."""
    body = await request.body.read_all()

    async def serve(client: Duplex) -> None:
        await client.write(b"<" + body + b">")
        while data := await client.read():
            await client.write(data)
        await client.write(b"bye")

    return Hijack(serve, "application/vnd.docker.raw-stream")


OPERATIONS = (
    Operation("GET", "/now", now),
    Operation("HEAD", "/now", now),
    Operation("GET", "/bug", bug),
    Operation("POST", "/echo", echo),
    Operation("POST", "/ignore", ignore_body),
    Operation("GET", "/wait", wait),
    Operation("POST", "/wait", wait),
    Operation("GET", "/stream", stream),
    Operation("GET", "/flood", flood),
    Operation("GET", "/silent", silent),
    Operation("POST", "/hijack", hijack),
    Operation("GET", "/since/{name}", now, since=40),
)

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Served:
    """A server and the connections that the test opened to it."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.server = ApiServer(cast(Engine, self.scene), Router(OPERATIONS))

    async def connect(self, *, buffer: int = 0) -> Client:
        ours, theirs = socket.socketpair()
        if buffer:
            for sock in (ours, theirs):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(self.server.protocol_factory, theirs)
        return await asyncio.open_unix_connection(sock=ours)


Scenario = Callable[[Served], Awaitable[Any]]


@pytest.fixture
def serve() -> Callable[[Scenario], Any]:
    """Runs a scenario against a server, which is closed at the end, within a minute."""

    def run(scenario: Scenario) -> Any:
        async def whole() -> Any:
            served = Served()
            try:
                async with asyncio.timeout(60):
                    return await scenario(served)
            finally:
                served.scene.release.set()
                await served.server.close(grace=0.5)

        return asyncio.run(whole())

    return run


Talk = Callable[..., bytes]


@pytest.fixture
def talk(serve: Callable[[Scenario], Any]) -> Talk:
    """Sends pieces of bytes, each a packet of its own, and gives all that comes back until the server closes."""

    def run(*pieces: bytes, end: bool = True) -> bytes:
        async def scenario(served: Served) -> bytes:
            return await conversation(served, pieces, end=end)

        return cast(bytes, serve(scenario))

    return run


async def conversation(served: Served, pieces: Sequence[bytes], *, end: bool = True) -> bytes:
    reader, writer = await served.connect()
    for piece in pieces:
        writer.write(piece)
        if len(pieces) > 1:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    if end:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return re.sub(rb"Date: [^\r]*\r\n", b"", answer)


@pytest.fixture
def converse() -> Callable[..., Awaitable[bytes]]:
    return conversation
