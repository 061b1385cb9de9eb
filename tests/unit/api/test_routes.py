"""The operations over a stand-in for the engine: what is decoded, what is called, what is answered."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wharf.api.engine_port import Engine
from wharf.api.server import ApiServer
from wharf.apitypes.containers import ContainerInspect, ContainerState, Created
from wharf.apitypes.jsonmessage import Progress, Report
from wharf.apitypes.stdcopy import frame
from wharf.engine.containers.attaching import AttachOptions
from wharf.errors import EngineError, NoSuchContainer, NoSuchImage, Unauthenticated
from wharf.events.bus import Bus
from wharf.logs.entries import LogEntry, LogQuery


class StandInContainers:
    """Knows the container "web" (running) and "idle" (not); remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def _find(self, ref: str, *asked: object) -> None:
        self.calls.append((ref, *asked))
        if ref not in ("web", "idle"):
            raise NoSuchContainer(ref)

    async def create(self, name: str | None, config: Any, host: Any, networking: Any, platform: str = "") -> Created:
        self.calls.append((name, config.image, host.memory, sorted(networking.endpoints_config), platform))
        return Created(id="f" * 64, warnings=["careful"])

    async def start(self, ref: str) -> bool:
        self._find(ref)
        return ref == "idle"

    async def stop(self, ref: str, timeout: int | None = None, signal: str = "") -> bool:
        self._find(ref, timeout, signal)
        return ref == "web"

    async def kill(self, ref: str, signal: str) -> None:
        self._find(ref, signal)

    async def rename(self, ref: str, name: str) -> None:
        self._find(ref, name)

    async def remove(self, ref: str, *, force: bool, volumes: bool, link: bool) -> None:
        self._find(ref, force, volumes, link)

    async def resize(self, ref: str, height: int, width: int) -> None:
        self._find(ref, height, width)

    async def list(
        self, filters: Mapping[str, Sequence[str]], *, all: bool, limit: int, size: bool
    ) -> Sequence[object]:
        self.calls.append((dict(filters), all, limit, size))
        return []

    async def inspect(self, ref: str, *, size: bool = False) -> ContainerInspect:
        self._find(ref, size)
        return ContainerInspect(
            id="f" * 64, created="", path="", args=[], state=ContainerState(status="running"), image=""
        )

    async def wait(self, ref: str, condition: str) -> Awaitable[Any]:
        self._find(ref, condition)
        return self.ended

    async def clear_logs(self, ref: str) -> None:
        self._find(ref)

    async def logs(self, ref: str, query: LogQuery, *, details: bool = False) -> Any:
        self._find(ref, query)

        async def entries() -> AsyncIterator[list[LogEntry]]:
            yield [LogEntry("stdout", "2026-01-01T00:00:00.5Z", b"out\n", {"b": "2", "a": "1"})]
            yield [LogEntry("stderr", "2026-01-01T00:00:01Z", b"err")]

        return SimpleNamespace(tty=ref == "idle", entries=entries())

    async def attach(self, ref: str, options: AttachOptions) -> Any:
        self._find(ref, options)
        self.attachment = StandInAttachment(tty=ref == "idle")
        return self.attachment

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> tuple[Sequence[str], int]:
        self.calls.append((dict(filters),))
        return [], 0


class StandInAttachment:
    """A container that sends back what it gets, and ends when its stdin does."""

    def __init__(self, *, tty: bool) -> None:
        self.tty = tty
        self._echo: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self.closed = False

    async def read(self) -> bytes:
        return await self._echo.get()

    async def write(self, data: bytes) -> None:
        await self._echo.put(data)

    async def end_stdin(self) -> None:
        await self._echo.put(b"")

    def detached(self) -> None:
        raise AssertionError("nobody typed the keys")

    def close(self) -> None:
        self.closed = True


class StandInImages:
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.cancelled = asyncio.Event()

    async def pull(self, reference: str, *, tag: str, platform: str, auth: Any, report: Report) -> None:
        self.calls.append((reference, tag, platform, auth))
        if reference == "missing":
            raise NoSuchImage("missing")
        report(Progress(status=f"Pulling from {reference}", id=tag))
        if reference == "broken":
            await asyncio.sleep(0)
            raise EngineError("the registry went away")
        if reference == "bug":
            await asyncio.sleep(0)
            raise RuntimeError("secret")
        if reference == "endless":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        for done in range(1000):
            report(Progress(status="Downloading", id="layer", current=done, total=1000))
        report(Progress(status="Status: Downloaded"))

    async def log_in(self, auth: Any) -> str:
        self.calls.append((auth.username, auth.password, auth.server_address))
        if auth.password != "secret":
            raise Unauthenticated("login attempt failed")
        return "kept"

    async def load(self, stream: AsyncIterator[bytes], *, quiet: bool, report: Report) -> None:
        size = sum([len(piece) async for piece in stream])
        report(Progress(stream=f"Loaded {size} {quiet}\n"))

    async def import_(self, stream: AsyncIterator[bytes], *, report: Report, **options: object) -> str:
        self.calls.append(tuple(sorted(options.items())))
        id = f"sha256:{sum([len(piece) async for piece in stream])}"
        report(Progress(status=id))
        return id

    async def inspect(self, name: str) -> object:
        raise NoSuchImage(name)

    async def remove(self, name: str, *, force: bool, prune_children: bool) -> Sequence[object]:
        self.calls.append((name, force, prune_children))
        return []

    async def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        if names == ["missing"]:
            raise NoSuchImage("missing")
        for name in names:
            yield name.encode()


class House:
    """A server over the stand-in, and one request at a time."""

    def __init__(self) -> None:
        self.containers = StandInContainers()
        self.images = StandInImages()
        self.events = Bus()
        engine = SimpleNamespace(containers=self.containers, images=self.images, events=self.events)
        self.server = ApiServer(cast(Engine, engine))

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        await asyncio.get_running_loop().connect_accepted_socket(self.server.protocol_factory, theirs)
        return await asyncio.open_unix_connection(sock=ours)

    async def ask(self, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, str, bytes]:
        """Status, head, body (as it came, chunks and all)."""
        reader, writer = await self.open()
        writer.write(request(method, path, body, "Connection: close", *headers))
        head = await reader.readuntil(b"\r\n\r\n")
        rest = await reader.read()
        writer.close()
        return int(head[9:12]), head.decode(), rest


def request(method: str, path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: d", *headers]
    if body:
        lines += [f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def unchunk(data: bytes) -> bytes:
    out = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        out += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return out


async def eventually(holds: Callable[[], bool]) -> None:
    """Waits until it holds; the scenario's own time limit ends a vain wait."""
    while not holds():  # noqa: ASYNC110 - there is nothing to be told by
        await asyncio.sleep(0.01)


Visit = Callable[[Callable[[House], Awaitable[Any]]], Any]
JSON_TYPE = "Content-Type: application/json"


@pytest.fixture
def visit() -> Visit:
    def run(scenario: Callable[[House], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            house = House()
            try:
                async with asyncio.timeout(60):
                    return await scenario(house)
            finally:
                await house.server.close(grace=0.2)

        return asyncio.run(whole())

    return run


def test_create(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        body = b'{"Image":"busybox","HostConfig":{"Memory":7},"NetworkingConfig":{"EndpointsConfig":{"n":null}}}'
        path = "/v1.41/containers/create?name=web&platform=linux%2Farm64"
        status, head, answer = await house.ask("POST", path, body, JSON_TYPE)
        assert (status, json.loads(answer)) == (201, {"Id": "f" * 64, "Warnings": ["careful"]})
        assert "Content-Type: application/json\r\n" in head and answer.endswith(b"\n")
        assert house.containers.calls == [("web", "busybox", 7, ["n"], "linux/arm64")]

    visit(scenario)


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"{}", "text/plain", "unsupported Content-Type header (text/plain): must be 'application/json'"),
        (b"{}", "", "unsupported Content-Type header (): must be 'application/json'"),
        (b"", "", "invalid JSON: got EOF while reading request body"),
        (b"", "application/json", "invalid JSON: got EOF while reading request body"),
        (b"x", "application/json; charset=utf-8", "invalid JSON: invalid character 'x' looking for beginning of value"),
        (b"{}", "application/json", "config cannot be empty in order to create a container"),
    ],
)
def test_create_refuses(visit: Visit, body: bytes, content_type: str, message: str) -> None:
    async def scenario(house: House) -> None:
        headers = [f"Content-Type: {content_type}"] if content_type else []
        status, _, answer = await house.ask("POST", "/containers/create", body, *headers)
        assert (status, json.loads(answer)) == (400, {"message": message})
        assert not house.containers.calls

    visit(scenario)


@pytest.mark.parametrize(
    ("method", "path", "status", "call"),
    [
        ("POST", "/containers/idle/start", 204, ("idle",)),
        ("POST", "/containers/web/start", 304, ("web",)),
        ("POST", "/containers/web/stop?t=5&signal=INT", 204, ("web", 5, "INT")),
        ("POST", "/containers/idle/stop", 304, ("idle", None, "")),
        ("POST", "/containers/web/stop?t=x", 400, None),
        ("POST", "/containers/web/kill", 204, ("web", "SIGKILL")),
        ("POST", "/containers/web/kill?signal=HUP", 204, ("web", "HUP")),
        ("POST", "/containers/web/rename?name=new", 204, ("web", "new")),
        ("DELETE", "/containers/web?force=1&v=true", 204, ("web", True, True, False)),
        ("POST", "/containers/web/resize?h=4&w=5", 200, ("web", 4, 5)),
        ("POST", "/containers/web/resize?h=4", 400, None),
        ("POST", "/containers/nobody/start", 404, ("nobody",)),
        ("DELETE", "/containers/a/b", 404, ("a/b", False, False, False)),
        ("GET", "/containers/json?all=1&limit=3&size=0", 200, ({}, True, 3, False)),
        ("GET", "/containers/json?filters=%7B%22name%22%3A%5B%22a%22%5D%7D", 200, ({"name": ["a"]}, False, 0, False)),
        ("GET", "/containers/json?filters=x", 400, None),
        ("GET", "/containers/json?limit=x", 400, None),
        ("POST", "/containers/prune", 200, ({},)),
    ],
)
def test_calls(visit: Visit, method: str, path: str, status: int, call: tuple[object, ...] | None) -> None:
    async def scenario(house: House) -> None:
        got, head, body = await house.ask(method, path)
        assert (got, house.containers.calls) == (status, [call] if call else [])
        if status in (204, 304):
            assert body == b"" and "Content-" not in head
        if status >= 400:
            assert set(json.loads(body)) == {"message"}

    visit(scenario)


def test_start_takes_no_body(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        assert (await house.ask("POST", "/containers/idle/start", b'{"Binds":[]}', JSON_TYPE))[0] == 400
        assert (await house.ask("POST", "/containers/idle/start", b"{}", JSON_TYPE))[0] == 204

    visit(scenario)


def test_inspect_has_the_form_of_its_version(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        old = json.loads((await house.ask("GET", "/v1.41/containers/web/json"))[2])
        new = json.loads((await house.ask("GET", "/v1.54/containers/web/json"))[2])
        assert "IPAddress" in old["NetworkSettings"] and "IPAddress" not in new["NetworkSettings"]
        assert "SizeRw" not in old

    visit(scenario)


def test_wait_answers_its_head_before_the_end(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.open()
        writer.write(request("POST", "/containers/web/wait?condition=next-exit", b""))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        house.containers.ended.set_result(SimpleNamespace(code=3, error=""))
        assert json.loads(unchunk(await reader.readuntil(b"0\r\n\r\n"))) == {"StatusCode": 3}
        assert house.containers.calls == [("web", "next-exit")]
        writer.close()

    visit(scenario)


def test_a_waiter_that_leaves_is_forgotten(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.open()
        writer.write(request("POST", "/containers/web/wait", b""))
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await eventually(house.containers.ended.cancelled)

    visit(scenario)


@pytest.mark.parametrize(
    ("path", "content_type", "output"),
    [
        (
            "/v1.42/containers/web/logs?stdout=1&stderr=1",
            "multiplexed-stream",
            frame("stdout", b"out\n") + frame("stderr", b"err"),
        ),
        (
            "/v1.41/containers/web/logs?stdout=1&timestamps=1&details=1",
            "raw-stream",
            frame("stdout", b"2026-01-01T00:00:00.500000000Z a=1,b=2 out\n")
            + frame("stderr", b"2026-01-01T00:00:01.000000000Z  err"),
        ),
        ("/containers/idle/logs?stderr=1", "raw-stream", b"out\nerr"),
    ],
)
def test_logs(visit: Visit, path: str, content_type: str, output: bytes) -> None:
    async def scenario(house: House) -> None:
        status, head, body = await house.ask("GET", path)
        assert status == 200 and f"Content-Type: application/vnd.docker.{content_type}\r\n" in head
        assert unchunk(body) == output

    visit(scenario)


def test_logs_are_cleared(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, _, _ = await house.ask("DELETE", "/containers/web/logs")
        assert status == 204 and house.containers.calls == [("web",)]
        status, _, _ = await house.ask("DELETE", "/containers/none/logs")
        assert status == 404

    visit(scenario)


@pytest.mark.parametrize(("text", "lines"), [("", None), ("all", None), ("x", None), ("-1", None), ("0", 0), ("7", 7)])
def test_log_tail(visit: Visit, text: str, lines: int | None) -> None:
    async def scenario(house: House) -> None:
        await house.ask("GET", f"/containers/web/logs?stdout=1&tail={text}&since=1.5")
        query = cast(LogQuery, house.containers.calls[0][1])
        assert query.tail == lines and query.since is not None and query.since.timestamp() == 1.5

    visit(scenario)


def test_logs_of_no_stream_are_refused(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, _, body = await house.ask("GET", "/containers/web/logs")
        assert status == 400
        assert json.loads(body)["message"] == "Bad parameters: you must choose at least one stream"

    visit(scenario)


UPGRADE = ("Upgrade: tcp", "Connection: Upgrade")


@pytest.mark.parametrize(
    ("path", "headers", "status", "content_type"),
    [
        ("/v1.42/containers/web/attach", UPGRADE, 101, "multiplexed-stream"),
        ("/v1.41/containers/web/attach", UPGRADE, 101, "raw-stream"),
        ("/v1.42/containers/idle/attach", UPGRADE, 101, "raw-stream"),
        ("/v1.42/containers/web/attach", (), 200, "raw-stream"),
    ],
)
def test_attach(visit: Visit, path: str, headers: tuple[str, ...], status: int, content_type: str) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.open()
        writer.write(request("POST", path + "?stream=1&stdin=1&stdout=1", b"", *headers) + b"early ")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert f"Content-Type: application/vnd.docker.{content_type}\r\n".encode() in head
        writer.write(b"late")
        writer.write_eof()
        assert await reader.read() == b"early late"
        assert house.containers.calls[0][1] == AttachOptions(stdin=True, stdout=True, stream=True)
        assert house.containers.attachment.closed
        writer.close()

    visit(scenario)


def test_attach_to_nobody_is_an_ordinary_error(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, _, body = await house.ask("POST", "/containers/nobody/attach?stream=1", b"")
        assert (status, json.loads(body)) == (404, {"message": "No such container: nobody"})
        status, _, _ = await house.ask("POST", "/containers/web/attach?detachKeys=ctrl-1")
        assert status == 400

    visit(scenario)


def test_detach_keys_end_the_stream_of_a_terminal(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.open()
        writer.write(request("POST", "/containers/idle/attach?stream=1&stdin=1&stdout=1", b"", *UPGRADE))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"typed\x10")
        assert await reader.readexactly(5) == b"typed"
        writer.write(b"\x11")
        assert await reader.read() == b""
        assert house.containers.attachment.closed
        writer.close()

    visit(scenario)


def test_an_attached_client_that_leaves_frees_its_stream(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.open()
        writer.write(request("POST", "/containers/web/attach?stream=1&stdout=1", b"", *UPGRADE))
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        await eventually(lambda: house.containers.attachment.closed)

    visit(scenario)


def test_pull(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, head, body = await house.ask("POST", "/images/create?fromImage=busybox&tag=1")
        assert status == 200 and "Content-Type: application/json\r\n" in head
        lines = unchunk(body).split(b"\r\n")
        assert lines.pop() == b""
        assert json.loads(lines[0])["status"] == "Pulling from busybox"
        assert json.loads(lines[-1]) == {"status": "Status: Downloaded"}
        # A thousand steps at once are one line: the latest.
        assert json.loads(lines[1])["progressDetail"] == {"current": 999, "total": 1000} and len(lines) == 3
        assert house.images.calls == [("busybox", "1", "", None)]

    visit(scenario)


def test_a_pull_that_fails_at_once_has_a_status(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, _, body = await house.ask("POST", "/images/create?fromImage=missing")
        assert (status, json.loads(body)) == (404, {"message": "No such image: missing"})
        assert (await house.ask("POST", "/images/create"))[0] == 400
        assert (await house.ask("POST", "/images/create?fromSrc=http://x/y"))[0] == 501

    visit(scenario)


@pytest.mark.parametrize(
    ("reference", "message"),
    [("broken", "the registry went away"), ("bug", "internal error (see the daemon's log)")],
)
def test_a_pull_that_fails_later_says_so_in_its_last_line(visit: Visit, reference: str, message: str) -> None:
    async def scenario(house: House) -> None:
        status, _, body = await house.ask("POST", f"/images/create?fromImage={reference}")
        assert status == 200
        last = json.loads(unchunk(body).split(b"\r\n")[-2])
        assert last == {"errorDetail": {"message": message}, "error": message}

    visit(scenario)


def test_a_client_that_leaves_cancels_its_pull(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.open()
        writer.write(request("POST", "/images/create?fromImage=endless", b""))
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await house.images.cancelled.wait()

    visit(scenario)


def test_load_and_import_read_the_body(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        archive = bytes(1_000_000)
        status, _, body = await house.ask("POST", "/images/load?quiet=1", archive, "Content-Type: application/x-tar")
        assert (status, json.loads(unchunk(body))) == (200, {"stream": "Loaded 1000000 True\n"})
        path = "/images/create?fromSrc=-&repo=a&tag=b&message=m&changes=ENV+a%3Db&changes=CMD+x"
        status, _, body = await house.ask("POST", path, archive)
        assert (status, json.loads(unchunk(body))) == (200, {"status": "sha256:1000000"})
        options = dict(cast(Any, house.images.calls[0]))
        assert options == {
            "repository": "a",
            "tag": "b",
            "message": "m",
            "changes": ["ENV a=b", "CMD x"],
            "platform": "",
        }

    visit(scenario)


@pytest.mark.parametrize(
    "body",
    [
        b'{"username":"me","password":"secret","serveraddress":"reg:5000","email":null}',
        b'{"auth":"bWU6c2VjcmV0","serveraddress":"reg:5000"}',
    ],
)
def test_login(visit: Visit, body: bytes) -> None:
    async def scenario(house: House) -> None:
        status, _, answer = await house.ask("POST", "/auth", body, JSON_TYPE)
        assert (status, json.loads(answer)) == (200, {"IdentityToken": "kept", "Status": "Login Succeeded"})
        assert house.images.calls == [("me", "secret", "reg:5000")]

    visit(scenario)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"username":"me","password":"wrong"}', 401, "login attempt failed"),
        (b'{"auth":"bWU"}', 400, "invalid auth configuration"),
        (b'{"username":3}', 400, "invalid JSON: json: cannot unmarshal number"),
        (b"", 400, "invalid JSON: got EOF while reading request body"),
    ],
)
def test_login_refuses(visit: Visit, body: bytes, status: int, message: str) -> None:
    async def scenario(house: House) -> None:
        given, _, answer = await house.ask("POST", "/auth", body, JSON_TYPE)
        assert given == status
        assert json.loads(answer)["message"].startswith(message)

    visit(scenario)


def test_names_of_images_may_have_slashes_and_ports(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, _, body = await house.ask("GET", "/v1.41/images/registry:5000/a/b:1/json")
        assert (status, json.loads(body)) == (404, {"message": "No such image: registry:5000/a/b:1"})
        await house.ask("DELETE", "/images/registry:5000/a%2Fb:1?noprune=1")
        assert house.images.calls == [("registry:5000/a/b:1", False, False)]

    visit(scenario)


def test_save(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, head, body = await house.ask("GET", "/images/get?names=a&names=b")
        assert (status, unchunk(body)) == (200, b"ab") and "application/x-tar" in head
        assert unchunk((await house.ask("GET", "/images/x/y/get"))[2]) == b"x/y"
        assert (await house.ask("GET", "/images/missing/get"))[0] == 404

    visit(scenario)


@pytest.mark.parametrize(
    ("path", "accept", "content_type", "prefix", "legacy"),
    [
        ("/v1.51/events", "", "application/json", b"", True),
        ("/v1.52/events", "", "application/json", b"", False),
        ("/events", "application/json-seq", "application/json-seq", b"\x1e", False),
        ("/events", "text/html, application/x-ndjson;q=1", "application/x-ndjson", b"", False),
    ],
)
def test_events(visit: Visit, path: str, accept: str, content_type: str, prefix: bytes, legacy: bool) -> None:
    async def scenario(house: House) -> None:
        reader, writer = await house.open()
        writer.write(request("GET", path, b"", *([f"Accept: {accept}"] if accept else [])))
        head = await reader.readuntil(b"\r\n\r\n")
        assert f"Content-Type: {content_type}\r\n".encode() in head
        house.events.publish("container", "start", "abc", {"image": "busybox"})
        size = int(await reader.readline(), 16)
        line = await reader.readexactly(size)
        assert line.startswith(prefix) and line.endswith(b"\n")
        event = json.loads(line[len(prefix) :])
        assert event["Type"] == "container" and event["Actor"]["Attributes"] == {"image": "busybox"}
        assert ("status" in event) == legacy
        writer.close()
        await eventually(lambda: not house.events.listeners)

    visit(scenario)


def test_events_of_the_past_end(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        status, _, body = await house.ask("GET", "/events?since=1&until=2")
        assert (status, unchunk(body)) == (200, b"")
        status, _, body = await house.ask("GET", "/events?since=5&until=2")
        assert (status, json.loads(body)["message"]) == (
            400,
            "`since` time (5) cannot be after `until` time (2)",
        )
        assert (await house.ask("GET", "/events?since=x"))[0] == 400
        assert (await house.ask("GET", "/events?filters=x"))[0] == 400

    visit(scenario)


def test_ping(visit: Visit) -> None:
    async def scenario(house: House) -> None:
        for method, body in (("GET", b"OK"), ("HEAD", b"")):
            status, head, answer = await house.ask(method, "/_ping")
            assert (status, answer) == (200, body)
            for header in ("Builder-Version: 1", "Cache-Control: no-cache", "Pragma: no-cache", "Swarm: inactive"):
                assert header in head
            assert f"Content-Length: {len(body)}\r\n" in head

    visit(scenario)
