"""Giving blobs to a registry in this process, which breaks, forgets, lies and demands."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from wharf.distribution import session
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.upload import PIECE, RegistryWriter, first_writer
from wharf.errors import EngineError, Unauthenticated
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.reference import Reference

SMALL = os.urandom(1000)
LARGE = os.urandom(PIECE * 2 + 17)


@dataclass
class Double:
    """A registry of one repository, "app"."""

    port: int = 0
    uploads: dict[str, bytearray] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    break_at: list[int] = field(default_factory=list)  # which requests with a body end in the middle
    forgets: bool = False  # an upload that broke
    secret: str = ""  # the token that opens, given for the scope below
    scopes: list[str] = field(default_factory=list)
    digest: str = ""  # what it calls whatever it gets
    location: str = ""  # where it sends uploads
    has: str = ""  # how many bytes it says that it has
    seen: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Authorization
    bodies: int = 0

    @property
    def begun(self) -> list[str]:
        return [path for method, path, _ in self.seen if method == "POST"]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        authorization = request.headers.get("Authorization", "")
        self.seen.append((request.method, request.path, authorization))
        if request.path == "/token":
            self.scopes.append(request.query["scope"])
            return web.json_response({"token": self.secret})
        if self.secret and authorization != f"Bearer {self.secret}":
            realm = f'Bearer realm="http://127.0.0.1:{self.port}/token",service="here"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})
        if request.path == "/v2/":
            return web.Response()
        kind, name = request.path.split("/")[3:5]
        if kind == "manifests":
            self.manifests[name] = await request.read()
            return web.Response(status=201, headers=self._called(self.manifests[name]))
        if request.method == "HEAD":
            blob = self.blobs.get(name)
            return (
                web.Response(status=404) if blob is None else web.Response(headers={"Content-Length": str(len(blob))})
            )
        return await self._upload(request)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            id = str(len(self.uploads))
            self.uploads[id] = bytearray()
            return web.Response(status=202, headers=self._place(id))
        id = request.path.split("/")[-1]
        if id not in self.uploads:
            return web.Response(status=404)
        data = self.uploads[id]
        if request.method == "GET":
            return web.Response(status=204, headers=self._place(id))
        if not await self._take(request, data):
            if self.forgets:
                del self.uploads[id]
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if request.method == "PATCH":
            return web.Response(status=202, headers=self._place(id))
        self.blobs[request.query["digest"]] = bytes(data)
        return web.Response(status=201, headers=self._called(bytes(data)))

    async def _take(self, request: web.Request, data: bytearray) -> bool:
        """Whether the body came to its end."""
        self.bodies += 1
        breaks = self.bodies in self.break_at
        if "Content-Range" in request.headers:
            assert request.headers["Content-Range"].startswith(f"{len(data)}-")
        if breaks:
            data += await request.content.readexactly(100)
            return False
        data += await request.read()
        return True

    def _called(self, data: bytes) -> dict[str, str]:
        return {"Docker-Content-Digest": self.digest or str(Digest.of(data))}

    def _place(self, id: str) -> dict[str, str]:
        received = max(len(self.uploads[id]) - 1, 0)
        return {
            "Location": self.location or f"/v2/app/blobs/uploads/{id}?state=x",
            "Range": f"0-{self.has or received}",
        }


@asynccontextmanager
async def opened(double: Double) -> AsyncIterator[None]:
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", double.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        double.port = runner.addresses[0][1]
        yield
    finally:
        await runner.cleanup()


def at(double: Double, work: Callable[[RegistryWriter], Awaitable[Any]]) -> None:
    async def run() -> None:
        async with opened(double), AsyncExitStack() as stack:
            reference = Reference.parse(f"127.0.0.1:{double.port}/app:1")
            await work(await first_writer(stack, reference, RegistryAuth("me", "pass"), RegistryConfig()))

    asyncio.run(run())


def sending(data: bytes, steps: list[int] | None = None) -> Callable[[RegistryWriter], Awaitable[None]]:
    blob = Descriptor(digest=str(Digest.of(data)), size=len(data))

    async def work(writer: RegistryWriter) -> None:
        advance = steps.append if steps is not None else lambda done: None
        await writer.upload(blob, lambda offset, count: data[offset : offset + count], advance)
        assert await writer.has(blob)

    return work


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_FIRST_DELAY", 0.001)


@pytest.mark.parametrize("data", [b"", b"x", SMALL, LARGE[:PIECE], LARGE[: PIECE + 1], LARGE])
def test_what_is_sent_arrives(data: bytes) -> None:
    double, steps = Double(), list[int]()
    at(double, sending(data, steps))
    assert double.blobs == {str(Digest.of(data)): data}
    assert steps[-1] == len(data) and steps == sorted(steps)


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("break_at", [[1], [2], [3], [1, 2, 3], [2, 4, 6]])
def test_what_breaks_is_sent_again(break_at: list[int], forgets: bool) -> None:
    double = Double(break_at=break_at, forgets=forgets)
    at(double, sending(LARGE))
    assert double.blobs == {str(Digest.of(LARGE)): LARGE}


def test_what_always_breaks_is_given_up() -> None:
    double = Double(break_at=list(range(100)), forgets=True)
    with pytest.raises(EngineError):
        at(double, sending(SMALL))
    assert double.blobs == {} and len(double.begun) == 5


def test_one_logs_in_for_writing_and_reading() -> None:
    double = Double(secret="t0ken")
    at(double, sending(SMALL))
    assert double.blobs and set(double.scopes) == {"repository:app:pull,push"}


def test_who_may_not_write_is_told() -> None:
    double = Double(secret="line\nbreak")
    with pytest.raises(Unauthenticated):
        at(double, sending(SMALL))


def test_a_manifest_is_put_under_its_tag() -> None:
    double = Double()
    at(double, lambda writer: writer.put_manifest(b"{}", "application/json"))
    assert double.manifests == {"1": b"{}"}


def test_a_registry_that_took_something_else_is_found_out() -> None:
    double = Double(digest=str(Digest.of(b"other")))
    for work in (sending(SMALL), lambda writer: writer.put_manifest(b"{}", "application/json")):
        with pytest.raises(EngineError, match="the registry took"):
            at(double, work)


def test_a_blob_of_another_length_counts_as_missing() -> None:
    blob = Descriptor(digest=str(Digest.of(SMALL)), size=len(SMALL))
    double = Double(blobs={blob.digest: SMALL[:10]})

    async def work(writer: RegistryWriter) -> None:
        assert not await writer.has(blob)

    at(double, work)


def test_secrets_stay_where_they_belong() -> None:
    """Uploads may lead to another host, whose owner is not the registry's."""

    async def run() -> None:
        double, other = Double(secret="t0ken"), Double()
        async with opened(other), opened(double), AsyncExitStack() as stack:
            other.uploads["0"] = bytearray()
            double.location = f"http://127.0.0.1:{other.port}/v2/app/blobs/uploads/0"
            reference = Reference.parse(f"127.0.0.1:{double.port}/app:1")
            writer = await first_writer(stack, reference, None, RegistryConfig())
            blob = Descriptor(digest=str(Digest.of(SMALL)), size=len(SMALL))
            await writer.upload(blob, lambda offset, count: SMALL[offset : offset + count], lambda done: None)
            assert other.blobs == {blob.digest: SMALL}
            assert [authorization for _, _, authorization in other.seen] == [""]

    asyncio.run(run())


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/"])
def test_uploads_lead_to_no_other_protocol(location: str) -> None:
    with pytest.raises(EngineError, match="not safe"):
        at(Double(location=location), sending(SMALL))


@pytest.mark.parametrize("has", ["9" * 5000, "-5", "x"])
def test_a_registry_must_say_how_much_it_has(has: str) -> None:
    double = Double(has=has)
    with pytest.raises(EngineError, match="does not say how much"):
        at(double, sending(LARGE))
    assert double.blobs == {}
