"""The sections of the API that ask registries about images which need not be here."""

from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response
from wharf.api.registry_auth import parse_registry_auth


async def inspect(engine: Engine, request: Request) -> Response:
    """GET /distribution/{name}/json — 200 with the manifest's descriptor and the image's platforms."""
    auth = parse_registry_auth(request.header(b"x-registry-auth"))
    return json_response(await engine.images.at_registry(request.name, auth=auth))


async def search(engine: Engine, request: Request) -> Response:
    """GET /images/search — 200 with the repositories that a registry finds."""
    query = request.query
    auth = parse_registry_auth(request.header(b"x-registry-auth"))
    found = await engine.images.search(query.text("term"), query.filters(), limit=query.number("limit") or 0, auth=auth)
    return json_response(list(found))
