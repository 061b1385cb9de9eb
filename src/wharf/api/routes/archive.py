"""Files into and out of containers."""

from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response, Streaming
from wharf.api.wire import Headers
from wharf.apitypes.archive import PathStat

TAR = "application/x-tar"


def _header(stat: PathStat | None) -> Headers:
    return (("X-Docker-Container-Path-Stat", stat.header()),) if stat else ()


async def stat(engine: Engine, request: Request) -> Response:
    """HEAD /containers/{name}/archive — 200 with what the path is in a header."""
    found = await engine.containers.files.stat(request.name, request.query.text("path"))
    return Response(200, headers=_header(found), content_type="")


async def read(engine: Engine, request: Request) -> Streaming:
    """GET /containers/{name}/archive — 200 with a tar archive of what is at the path."""
    archive = await engine.containers.files.read(request.name, request.query.text("path"))
    return Streaming(aiter(archive), TAR, headers=_header(archive.stat), abandon=archive.abandon)


async def write(engine: Engine, request: Request) -> Response:
    """PUT /containers/{name}/archive — 200 when the archive has been unpacked into the directory at the path."""
    query = request.query
    await engine.containers.files.write(
        request.name,
        query.text("path"),
        aiter(request.body),
        keep_kinds=query.flag("noOverwriteDirNonDir"),
        as_user=query.flag("copyUIDGID"),
    )
    return Response(200, content_type="")


async def export(engine: Engine, request: Request) -> Streaming:
    """GET /containers/{name}/export — 200 with a tar archive of the root file system."""
    archive = await engine.containers.files.export(request.name)
    return Streaming(aiter(archive), "application/octet-stream", abandon=archive.abandon)


async def changes(engine: Engine, request: Request) -> Response:
    """GET /containers/{name}/changes — 200 with what differs from the image, null for nothing."""
    return json_response(list(await engine.containers.files.changes(request.name)) or None)
