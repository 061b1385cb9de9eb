"""The section Network of the API."""

from wharf.api.compat import network_of
from wharf.api.decode import decode, json_body
from wharf.api.encode import json_response, versioned
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response
from wharf.apitypes.networks import (
    NetworkCheckRequest,
    NetworkConnectRequest,
    NetworkCreated,
    NetworkCreateRequest,
    NetworkDisconnectRequest,
    NetworksPruned,
)


def list_networks(engine: Engine, request: Request) -> Response:
    """GET /networks — 200."""
    return versioned(list(engine.networks.list(request.query.filters())), request.version)


def inspect(engine: Engine, request: Request) -> Response:
    """GET /networks/{name} — 200. `verbose` tells of a swarm's services, which we have none of."""
    request.query.strict_flag("verbose")
    return versioned(engine.networks.inspect(request.name, scope=request.query.text("scope")), request.version)


async def create(engine: Engine, request: Request) -> Response:
    """POST /networks/create — 201."""
    asked = decode(await json_body(request, required=True), NetworkCreateRequest, "CreateRequest")
    made, warning = await engine.networks.create(network_of(asked, request.version))
    return json_response(NetworkCreated(id=made.id, warning=warning), 201)


async def remove(engine: Engine, request: Request) -> Response:
    """DELETE /networks/{name} — 204."""
    await engine.networks.remove(request.name)
    return Response(204)


async def connect(engine: Engine, request: Request) -> Response:
    """POST /networks/{name}/connect — 200."""
    asked = decode(await json_body(request, required=True), NetworkConnectRequest, "ConnectRequest")
    await engine.connections.connect(request.name, asked.container, asked.endpoint_config)
    return Response(200)


async def disconnect(engine: Engine, request: Request) -> Response:
    """POST /networks/{name}/disconnect — 200."""
    asked = decode(await json_body(request, required=True), NetworkDisconnectRequest, "DisconnectRequest")
    await engine.connections.disconnect(request.name, asked.container, force=asked.force)
    return Response(200)


async def check(engine: Engine, request: Request) -> Response:
    """POST /networks/check — 200 with why a packet would or would not pass."""
    asked = decode(await json_body(request, required=True), NetworkCheckRequest, "CheckRequest")
    return json_response(await engine.network_checks.check(asked))


async def prune(engine: Engine, request: Request) -> Response:
    """POST /networks/prune — 200 with what was removed."""
    removed = await engine.networks.prune(request.query.filters())
    return json_response(NetworksPruned(networks_deleted=list(removed) or None))
