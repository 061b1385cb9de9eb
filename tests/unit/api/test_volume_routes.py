"""The section Volume over real volumes and a stand-in for the rest of the engine."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wharf.api.engine_port import Engine
from wharf.api.server import ApiServer
from wharf.db.database import Database
from wharf.engine.volumes import Volumes
from wharf.events.bus import Bus

Ask = Callable[..., Awaitable[tuple[int, Any]]]


async def ask(api: ApiServer, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and JSON of the answer to one request."""
    text = b"" if body is None else json.dumps(body).encode()
    kind = "Content-Type: application/json\r\n" if body is not None else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{kind}Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    ours, theirs = socket.socketpair()
    await asyncio.get_running_loop().connect_accepted_socket(api.protocol_factory, theirs)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    writer.write(head.encode() + text)
    answer = await reader.read()
    writer.close()
    status, _, rest = answer.partition(b"\r\n\r\n")
    return int(status.split()[1]), json.loads(rest) if rest else None


@pytest.fixture
def with_server(tmp_path: Path) -> Callable[[Callable[[Ask, Volumes], Awaitable[None]]], None]:
    """Runs a test with a way to ask a server, and its volumes."""

    async def run(test: Callable[[Ask, Volumes], Awaitable[None]]) -> None:
        volumes = Volumes(Database(tmp_path / "db"), tmp_path / "volumes", Bus())
        api = ApiServer(cast(Engine, SimpleNamespace(volumes=volumes)))

        async def at(method: str, path: str, body: object = None) -> tuple[int, Any]:
            return await ask(api, method, path, body)

        try:
            await test(at, volumes)
        finally:
            await api.close()

    return lambda test: asyncio.run(run(test))


def test_a_life(with_server: Callable[..., None], tmp_path: Path) -> None:
    async def test(ask: Ask, volumes: Volumes) -> None:
        status, made = await ask("POST", "/v1.41/volumes/create", {"Name": "data", "Labels": {"a": "b"}})
        assert status == 201
        assert made.pop("CreatedAt").endswith("Z")
        place = str(tmp_path / "volumes/data/_data")
        assert made == {
            "Driver": "local",
            "Labels": {"a": "b"},
            "Mountpoint": place,
            "Name": "data",
            "Options": None,
            "Scope": "local",
        }
        assert (await ask("GET", "/volumes/data"))[1]["Mountpoint"] == place
        assert (await ask("GET", "/volumes"))[1]["Volumes"][0]["Name"] == "data"
        empty: dict[str, object] = {"Volumes": [], "Warnings": None}
        assert await ask("GET", '/volumes?filters={"label":{"no":true}}') == (200, empty)
        assert await ask("DELETE", "/volumes/data") == (204, None)
        assert await ask("GET", "/volumes/data") == (404, {"message": "get data: no such volume"})
        assert await ask("DELETE", "/volumes/data") == (404, {"message": "get data: no such volume"})
        assert await ask("DELETE", "/volumes/data?force=1") == (204, None)

    with_server(test)


def test_without_a_body_a_volume_gets_a_name(with_server: Callable[..., None]) -> None:
    async def test(ask: Ask, volumes: Volumes) -> None:
        status, made = await ask("POST", "/volumes/create")
        assert status == 201 and len(made["Name"]) == 64

    with_server(test)


def test_only_volumes_of_clusters_change(with_server: Callable[..., None]) -> None:
    async def test(ask: Ask, volumes: Volumes) -> None:
        words = "volume update only valid for cluster volumes, but swarm is unavailable"
        assert await ask("PUT", "/volumes/xx?version=1", {}) == (503, {"message": words})
        words = "error reading volume filters: invalid filter"
        assert await ask("GET", "/volumes?filters={") == (400, {"message": words})

    with_server(test)


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ([], 400, "cannot unmarshal array"),
        ({"Name": 1}, 400, "CreateOptions.Name of type string"),
        ({"Name": "../x"}, 400, "includes invalid characters for a local volume name"),
        ({"Name": "xx", "Driver": "foo"}, 404, 'plugin "foo" not found'),
        ({"Name": "xx", "DriverOpts": {"x": "1"}}, 400, 'create xx: invalid option: "x"'),
        ({"ClusterVolumeSpec": {}}, 503, "This node is not a swarm manager."),
    ],
)
def test_refused(with_server: Callable[..., None], body: object, status: int, text: str) -> None:
    async def test(ask: Ask, volumes: Volumes) -> None:
        found, answer = await ask("POST", "/volumes/create", body)
        assert found == status
        assert text in answer["message"]
        assert await volumes.list({}) == []

    with_server(test)


def test_null_is_absent(with_server: Callable[..., None]) -> None:
    async def test(ask: Ask, volumes: Volumes) -> None:
        body = {"Name": None, "Driver": None, "DriverOpts": None, "Labels": None}
        status, made = await ask("POST", "/volumes/create", body)
        assert status == 201 and len(made["Name"]) == 64 and made["Driver"] == "local"

    with_server(test)


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("/v1.41/volumes/prune", ["named"]),
        ("/v1.42/volumes/prune", []),
        ('/v1.42/volumes/prune?filters={"all":["true"]}', ["named"]),
        ('/v1.41/volumes/prune?filters={"label!":["keep"]}', []),
    ],
)
def test_prune_took_all_before_1_42(with_server: Callable[..., None], path: str, gone: Sequence[str]) -> None:
    async def test(ask: Ask, volumes: Volumes) -> None:
        await volumes.create("named", labels={"keep": ""})
        assert await ask("POST", path) == (200, {"VolumesDeleted": list(gone), "SpaceReclaimed": 0})

    with_server(test)


def test_in_use(with_server: Callable[..., None]) -> None:
    async def test(ask: Ask, volumes: Volumes) -> None:
        await volumes.create("data")
        volumes.users = lambda name: ["c1"]
        message = "remove data: volume is in use - [c1]"
        assert await ask("DELETE", "/volumes/data?force=true") == (409, {"message": message})

    with_server(test)
