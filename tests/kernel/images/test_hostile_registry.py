"""A registry in this process that lies, breaks and demands; real ones do all of it sometimes."""

import asyncio
import base64
import gzip
import hashlib
import json
import os
import random
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.errors import EngineError, InvalidArgument, NotFound, Unauthenticated

pytestmark = pytest.mark.kernel

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Double:
    """The registry: blobs and manifests by name, and faults to order."""

    port: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)  # bytes after which each next blob answer breaks off
    ranges: bool = True
    challenge: str = ""  # the WWW-Authenticate header, where one must log in
    accepted: str = ""  # the Authorization header that opens
    requests: list[web.Request] = field(default_factory=list)
    redirect_to: str = ""

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}/app"

    def add(self, tag: str, layer: bytes, *, change: Callable[[dict[str, Any]], None] | None = None) -> bytes:
        """An image of one layer (a tar archive); gives the blob."""
        config = json.dumps(
            {
                "architecture": "amd64" if os.uname().machine == "x86_64" else "arm64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
            }
        ).encode()
        blob = gzip.compress(layer, 1, mtime=0)
        self.blobs |= {digest(config): config, digest(blob): blob}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": digest(blob),
                    "size": len(blob),
                }
            ],
        }
        if change:
            change(manifest)
        data = json.dumps(manifest).encode()
        self.manifests[tag] = self.manifests[digest(data)] = (data, MANIFEST)
        return blob

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if request.path == "/token":
            return self._token(request)
        if self.challenge and request.headers.get("Authorization") != self.accepted:
            body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
            return web.json_response(body, status=401, headers={"WWW-Authenticate": self.challenge})
        kind, name = request.path.split("/")[-2:]
        if kind == "manifests" and name in self.manifests:
            data, media_type = self.manifests[name]
            return web.Response(body=data, content_type=media_type)
        if kind == "blobs" and name in self.blobs:
            if self.redirect_to and "config" not in request.path:
                raise web.HTTPTemporaryRedirect(self.redirect_to + request.path)
            return await self._blob(request, self.blobs[name])
        code = "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN"
        return web.json_response({"errors": [{"code": code, "message": "manifest unknown"}]}, status=404)

    def _token(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(b"me:secret").decode():
            return web.json_response({"errors": [{"code": "DENIED", "message": "no"}]}, status=401)
        assert request.query["scope"] == "repository:app:pull"
        return web.json_response({"token": "t0ken"})

    async def _blob(self, request: web.Request, data: bytes) -> web.StreamResponse:
        start = 0
        response = web.StreamResponse()
        if self.ranges and "Range" in request.headers:
            start = int(request.headers["Range"].removeprefix("bytes=").partition("-")[0])
            response = web.StreamResponse(status=206)
            response.headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        response.content_length = len(data) - start
        await response.prepare(request)
        if self.cut_after and len(data) > 1000:
            await response.write(data[start : start + self.cut_after.pop(0)])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(data[start:])
        return response


@asynccontextmanager
async def serving() -> AsyncIterator[Double]:
    double = Double()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", double.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    double.port = runner.addresses[0][1]
    try:
        yield double
    finally:
        await runner.cleanup()


def big(tar_layer: Any, size: int = 2_000_000) -> bytes:
    data: bytes = tar_layer([(tarfile.TarInfo("big"), random.Random(7).randbytes(size))])
    return data


def ranges_asked(double: Double) -> list[str]:
    return [request.headers["Range"] for request in double.requests if "Range" in request.headers]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_connection_is_continued(ranges: bool, open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            double.add("1", big(tar_layer))
            double.ranges = ranges
            double.cut_after = [700_000, 500_000]
            image = await house.images.pull(f"{double.name}:1")
            assert image.size == 2_000_000
            assert len(ranges_asked(double)) == 2
            assert house.leftovers() == house.partial() == []

    asyncio.run(run())


def test_a_broken_pull_leaves_a_partial_blob_that_the_next_one_continues(open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            blob = double.add("1", big(tar_layer))
            double.cut_after = [900_000, 0, 0, 0, 0, 0]
            with pytest.raises(EngineError):
                await house.images.pull(f"{double.name}:1")
            assert house.partial() == [digest(blob).replace(":", "-")]
            assert len(house.images) == 0
            double.cut_after = []
            double.requests.clear()
            await house.images.pull(f"{double.name}:1")
            assert len(ranges_asked(double)) == 1 and ranges_asked(double) != ["bytes=0-"]
            assert house.leftovers() == house.partial() == []

    asyncio.run(run())


def test_a_partial_blob_that_is_wrong_is_fetched_anew(open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            blob = double.add("1", big(tar_layer))
            (house.root / "content/ingest" / digest(blob).replace(":", "-")).write_bytes(b"\0" * 1000)
            assert (await house.images.pull(f"{double.name}:1")).size == 2_000_000
            assert house.leftovers() == house.partial() == []

    asyncio.run(run())


@pytest.mark.parametrize("what", ["layer", "config", "manifest", "longer", "shorter", "diff_id"])
def test_wrong_bytes_are_refused(what: str, open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            layer = big(tar_layer, 100_000)
            blob = double.add("1", layer)
            manifest = json.loads(double.manifests["1"][0])
            config = manifest["config"]["digest"]
            reference = f"{double.name}:1"
            if what == "layer":
                double.blobs[digest(blob)] = blob[:50_000] + b"!" + blob[50_001:]
            elif what == "config":
                double.blobs[config] = double.blobs[config].replace(b"linux", b"LINUX")
            elif what == "manifest":
                wanted = digest(double.manifests["1"][0])
                double.manifests[wanted] = (double.manifests["1"][0] + b" ", MANIFEST)
                reference = f"{double.name}@{wanted}"
            elif what == "longer":
                double.blobs[digest(blob)] = blob + b"more"
            elif what == "shorter":
                double.blobs[digest(blob)] = blob[:-10]
            else:
                changed = double.blobs[config].replace(digest(layer).encode(), digest(b"other").encode())
                double.blobs[digest(changed)] = changed
                manifest["config"] |= {"digest": digest(changed), "size": len(changed)}
                double.manifests["1"] = (json.dumps(manifest).encode(), MANIFEST)
            with pytest.raises(EngineError, match=r"verification failed|more than|unexpected EOF|don't match"):
                await house.images.pull(reference)
            assert len(house.images) == 0
            assert house.leftovers() == [] and bool(house.partial()) is (what == "shorter")

    asyncio.run(run())


def test_basic_login(open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            double.add("1", big(tar_layer, 1000))
            double.challenge = 'Basic realm="here"'
            double.accepted = "Basic " + base64.b64encode(b"me:secret").decode()
            with pytest.raises(EngineError, match="no basic auth credentials"):
                await house.images.pull(f"{double.name}:1")
            with pytest.raises(Unauthenticated, match="authentication required"):
                await house.images.pull(f"{double.name}:1", auth=RegistryAuth("me", "wrong"))
            await house.images.pull(f"{double.name}:1", auth=RegistryAuth("me", "secret"))

    asyncio.run(run())


def test_token_login(open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            double.add("1", big(tar_layer, 1000))
            double.challenge = f'Bearer realm="http://127.0.0.1:{double.port}/token",service="s",scope="x"'
            double.accepted = "Bearer t0ken"
            with pytest.raises(EngineError, match=r"denied|unauthorized"):
                await house.images.pull(f"{double.name}:1")
            await house.images.pull(f"{double.name}:1", auth=RegistryAuth("me", "secret"))
            # One token serves the whole pull.
            assert sum(request.path == "/token" for request in double.requests) == 2

    asyncio.run(run())


def test_credentials_do_not_follow_a_redirect_to_another_host(open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, serving() as elsewhere, open_house() as house:
            double.add("1", big(tar_layer, 1000))
            double.challenge = 'Basic realm="here"'
            double.accepted = "Basic " + base64.b64encode(b"me:secret").decode()
            double.redirect_to = f"http://127.0.0.1:{elsewhere.port}"
            elsewhere.blobs = double.blobs
            await house.images.pull(f"{double.name}:1", auth=RegistryAuth("me", "secret"))
            assert elsewhere.requests and all("Authorization" not in one.headers for one in elsewhere.requests)

    asyncio.run(run())


def test_a_mirror_is_asked_before_docker_io(open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double:
            config = RegistryConfig(mirrors=(f"http://127.0.0.1:{double.port}/",))
            async with open_house(config=config) as house:
                double.add("latest", big(tar_layer, 1000))
                image = await house.images.pull("app", auth=RegistryAuth("me", "secret"))
                assert house.images.get("app").id == image.id
                assert double.requests[0].path == "/v2/library/app/manifests/latest"
                assert all("Authorization" not in one.headers for one in double.requests)

    asyncio.run(run())


def test_indexes_and_what_they_do_not_have(open_house: Any, tar_layer: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            double.add("one", big(tar_layer, 1000))
            data = double.manifests["one"][0]
            ours = "amd64" if os.uname().machine == "x86_64" else "arm64"
            entry = {"mediaType": MANIFEST, "digest": digest(data), "size": len(data)}
            index = {
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": [
                    {**entry, "digest": digest(b"x"), "platform": {"os": "linux", "architecture": "s390x"}},
                    {**entry, "digest": digest(b"y"), "platform": {"os": "unknown", "architecture": "unknown"}},
                    {**entry, "platform": {"os": "linux", "architecture": ours}},
                ],
            }
            double.manifests["many"] = (json.dumps(index).encode(), INDEX)
            image = await house.images.pull(f"{double.name}:many")
            assert [name.digest for name in house.images.names(image.id) if name.digest]
            with pytest.raises(NotFound, match="no matching manifest for linux/ppc64le in the manifest list entries"):
                await house.images.pull(f"{double.name}:many", platform="linux/ppc64le")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{}", "invalid manifest"),
        (b"<html>", "not JSON"),
        (b'{"schemaVersion": 1}', "schema 1"),
        (b"[]", "not a JSON object"),
        (b" " * (5 << 20), "longer than"),
    ],
)
def test_answers_that_are_no_manifest(body: bytes, text: str, open_house: Any) -> None:
    async def run() -> None:
        async with serving() as double, open_house() as house:
            double.manifests["1"] = (body, MANIFEST)
            with pytest.raises(InvalidArgument, match=text):
                await house.images.pull(f"{double.name}:1")

    asyncio.run(run())


def test_layers_from_elsewhere_are_refused(open_house: Any, tar_layer: Any) -> None:
    def foreign(manifest: dict[str, Any]) -> None:
        manifest["layers"][0]["urls"] = ["http://127.0.0.1:1/"]

    async def run() -> None:
        async with serving() as double, open_house() as house:
            double.add("1", big(tar_layer, 1000), change=foreign)
            with pytest.raises(InvalidArgument, match="not fetched elsewhere"):
                await house.images.pull(f"{double.name}:1")

    asyncio.run(run())
