"""The section Image of the API."""

from typing import NoReturn

from wharf.api.encode import json_response, versioned
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response, Streaming
from wharf.api.registry_auth import parse_registry_auth
from wharf.api.streams import progress_pieces
from wharf.errors import InvalidArgument, NotImplementedByUs


async def list_images(engine: Engine, request: Request) -> Response:
    """GET /images/json — 200."""
    query = request.query
    found = await engine.images.list(
        query.filters(), all=query.flag("all"), digests=query.flag("digests"), shared_sizes=query.flag("shared-size")
    )
    return versioned(found, request.version)


async def create(engine: Engine, request: Request) -> Streaming:
    """POST /images/create — pulls or imports; 200 with progress lines."""
    query = request.query
    if query.text("fromImage"):
        return _pull(engine, request)
    if query.text("fromSrc") == "-":
        return _import(engine, request)
    if query.text("fromSrc"):
        raise NotImplementedByUs("importing an image from a URL is not supported; download it and import the file")
    raise InvalidArgument("one of the parameters fromImage and fromSrc is needed")


def _pull(engine: Engine, request: Request) -> Streaming:
    query = request.query
    auth = parse_registry_auth(request.header(b"x-registry-auth"))
    return Streaming(
        progress_pieces(
            lambda report: engine.images.pull(
                query.text("fromImage"),
                tag=query.text("tag"),
                platform=query.text("platform"),
                auth=auth,
                report=report,
            )
        )
    )


def _import(engine: Engine, request: Request) -> Streaming:
    query = request.query
    return Streaming(
        progress_pieces(
            lambda report: engine.images.import_(
                aiter(request.body),
                repository=query.text("repo"),
                tag=query.text("tag"),
                message=query.text("message"),
                changes=query.all("changes"),
                platform=query.text("platform"),
                report=report,
            )
        )
    )


async def load(engine: Engine, request: Request) -> Streaming:
    """POST /images/load — 200 with progress lines."""
    quiet = request.query.flag("quiet")
    return Streaming(
        progress_pieces(lambda report: engine.images.load(aiter(request.body), quiet=quiet, report=report))
    )


async def save(engine: Engine, request: Request) -> Streaming:
    """GET /images/{name}/get — 200 with a tar archive."""
    return Streaming(engine.images.save([request.name]), "application/x-tar")


async def save_several(engine: Engine, request: Request) -> Streaming:
    """GET /images/get — 200 with a tar archive of all `names`."""
    return Streaming(engine.images.save(request.query.all("names")), "application/x-tar")


async def inspect(engine: Engine, request: Request) -> Response:
    """GET /images/{name}/json — 200."""
    return versioned(await engine.images.inspect(request.name), request.version)


async def history(engine: Engine, request: Request) -> Response:
    """GET /images/{name}/history — 200, newest layer first."""
    return json_response(list(await engine.images.history(request.name)))


async def tag(engine: Engine, request: Request) -> Response:
    """POST /images/{name}/tag — 201 without a body."""
    await engine.images.tag(request.name, request.query.text("repo"), request.query.text("tag"))
    return Response(201, content_type="")


def no_push(engine: Engine, request: Request) -> NoReturn:
    """POST /images/{name}/push — 501."""
    raise NotImplementedByUs("pushing images is not supported yet; save the image and load it where it is wanted")


async def remove(engine: Engine, request: Request) -> Response:
    """DELETE /images/{name} — 200 with what was untagged and deleted."""
    query = request.query
    removed = await engine.images.remove(
        request.name, force=query.flag("force"), prune_children=not query.flag("noprune")
    )
    return json_response(list(removed))


async def prune(engine: Engine, request: Request) -> Response:
    """POST /images/prune — 200 with what was removed."""
    return json_response(await engine.images.prune(request.query.filters()))
