"""Searches and descriptions, asked of a registry in this process."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from wharf.apitypes.distribution import DistributionInspect, SearchResult
from wharf.distribution.config import RegistryConfig
from wharf.distribution.search import search
from wharf.engine.images.remote import describe, search_filter
from wharf.errors import EngineError, InvalidArgument, NotFound
from wharf.spec.digest import Digest
from wharf.spec.manifest import DOCKER_LIST, OCI_CONFIG, OCI_MANIFEST
from wharf.spec.reference import Reference

CONFIG = json.dumps(
    {"architecture": "arm64", "os": "linux", "variant": "v8", "rootfs": {"type": "layers", "diff_ids": []}}
).encode()
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "config": {"mediaType": OCI_CONFIG, "digest": str(Digest.of(CONFIG)), "size": len(CONFIG)},
        "layers": [],
    }
).encode()
INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": DOCKER_LIST,
        "manifests": [
            {"digest": str(Digest.of(MANIFEST)), "size": len(MANIFEST), "platform": {"architecture": a, "os": "linux"}}
            for a in ("amd64", "riscv64")
        ],
    }
).encode()


@dataclass
class Registry:
    answer: bytes = b""  # to searches
    status: int = 200
    port: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def serve(self, request: web.Request) -> web.Response:
        known = {
            "/v2/app/manifests/one": (MANIFEST, OCI_MANIFEST),
            "/v2/app/manifests/many": (INDEX, DOCKER_LIST),
            f"/v2/app/blobs/{Digest.of(CONFIG)}": (CONFIG, "application/octet-stream"),
        }
        if request.path == "/v1/search":
            self.asked.append(dict(request.query))
            return web.Response(status=self.status, body=self.answer)
        if request.path in known:
            body, kind = known[request.path]
            return web.Response(body=body, content_type=kind)
        return web.Response(status=404)


@asynccontextmanager
async def opened(registry: Registry) -> AsyncIterator[Registry]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", registry.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        registry.port = runner.addresses[0][1]
        yield registry
    finally:
        await runner.cleanup()


def at(registry: Registry, work: Callable[[Registry], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with opened(registry):
            return await work(registry)

    return asyncio.run(run())


def described(tag: str) -> DistributionInspect:
    found = at(
        Registry(),
        lambda registry: describe(Reference.parse(f"{registry.address}/app:{tag}"), None, RegistryConfig()),
    )
    assert isinstance(found, DistributionInspect)
    return found


def test_an_image_for_one_platform() -> None:
    found = described("one")
    assert (found.descriptor.media_type, found.descriptor.digest) == (OCI_MANIFEST, str(Digest.of(MANIFEST)))
    assert found.descriptor.size == len(MANIFEST)
    assert [(one.os, one.architecture, one.variant) for one in found.platforms] == [("linux", "arm64", "v8")]


def test_an_image_for_several_platforms() -> None:
    found = described("many")
    assert (found.descriptor.media_type, found.descriptor.size) == (DOCKER_LIST, len(INDEX))
    assert [one.architecture for one in found.platforms] == ["amd64", "riscv64"]


def test_an_image_that_is_not_there() -> None:
    with pytest.raises(NotFound):
        described("none")


def searched(registry: Registry, words: str = "web server", limit: int = 0) -> list[SearchResult]:
    return list(at(registry, lambda r: search(f"{r.address}/{words}", limit=limit, auth=None, config=RegistryConfig())))


def test_a_search() -> None:
    registry = Registry(b'{"num_results":1,"results":[{"name":"me/web","star_count":3,"description":"x","odd":1}]}')
    assert searched(registry, limit=7) == [SearchResult(name="me/web", star_count=3, description="x")]
    assert registry.asked == [{"q": "web server", "n": "7"}]


@pytest.mark.parametrize("registry", [Registry(b"{}", 500), Registry(b"<html>"), Registry(b'{"results":{}}')])
def test_a_search_without_an_answer(registry: Registry) -> None:
    with pytest.raises(EngineError, match=r"Unexpected status code 500|error decoding"):
        searched(registry)


@pytest.mark.parametrize(("term", "limit"), [("", 0), ("x", 101), ("x", -1), ("https://host/x", 0)])
def test_searches_that_cannot_be(term: str, limit: int) -> None:
    with pytest.raises(InvalidArgument):
        asyncio.run(search(term, limit=limit, auth=None, config=RegistryConfig()))


def test_a_search_where_nobody_listens() -> None:
    with pytest.raises(EngineError, match=r'Get "https?://127.0.0.1:1/v1/search": dial tcp .* connection refused'):
        asyncio.run(search("127.0.0.1:1/x", limit=0, auth=None, config=RegistryConfig()))


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["busybox", "me/box"]),
        ({"is-official": ["true"]}, ["busybox"]),
        ({"is-official": ["false"]}, ["me/box"]),
        ({"is-automated": ["true"]}, []),
        ({"stars": ["2", "10"]}, ["busybox"]),
    ],
)
def test_filters(filters: dict[str, list[str]], names: list[str]) -> None:
    results = [
        SearchResult(name="busybox", is_official=True, star_count=3000),
        SearchResult(name="me/box", star_count=9),
    ]
    assert [result.name for result in filter(search_filter(filters), results)] == names


@pytest.mark.parametrize("filters", [{"stars": ["many"]}, {"is-official": ["perhaps"]}, {"size": ["1"]}])
def test_filters_that_cannot_be(filters: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidArgument, match="invalid filter"):
        search_filter(filters)
