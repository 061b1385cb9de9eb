"""What containers use and may use, and images made of them."""

from collections.abc import AsyncIterator

from wharf.api.decode import decode, json_body
from wharf.api.editing import decode_edit
from wharf.api.encode import json_response, to_json
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response, Streaming
from wharf.apitypes.archive import Committed
from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.apitypes.stats import ContainerStats, Updated
from wharf.errors import InvalidArgument


async def stats(engine: Engine, request: Request) -> Streaming:
    """GET /containers/{name}/stats — 200 and a sample each second, or with stream=false one."""
    stream, one_shot = request.query.flag("stream", default=True), request.query.flag("one-shot")
    if stream and one_shot:
        raise InvalidArgument("cannot have stream=true and one-shot=true")
    samples = engine.containers.statistics.watch(request.name, stream=stream, one_shot=one_shot)
    return Streaming(_lines(samples))


async def _lines(samples: AsyncIterator[ContainerStats]) -> AsyncIterator[bytes]:
    async for sample in samples:
        yield to_json(sample) + b"\n"


async def update(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/update — 200 with warnings."""
    wanted = decode(await json_body(request), HostConfig, "UpdateConfig")
    warnings = await engine.containers.updates.update(request.name, wanted)
    return json_response(Updated(warnings=warnings or None))


async def edit(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/edit — 200 with warnings; restart=0 leaves the change to the next start."""
    change = decode_edit(await json_body(request, required=True))
    query = request.query
    warnings = await engine.containers.edits.edit(
        request.name, change, restart=query.flag("restart", default=True), timeout=query.number("t")
    )
    return json_response(Updated(warnings=list(warnings)))


async def commit(engine: Engine, request: Request) -> Response:
    """POST /commit — 201 with the image's id."""
    body = await json_body(request)
    query = request.query
    id = await engine.containers.commits.commit(
        query.text("container"),
        repository=query.text("repo"),
        tag=query.text("tag"),
        author=query.text("author"),
        comment=query.text("comment"),
        changes=query.all("changes"),
        config=None if body is None else decode(body, ContainerConfig, "Config"),
        pause=query.flag("pause", default=True),
    )
    return json_response(Committed(id=id), 201)
