"""The section Network of the API, as far as the engine has it."""

from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response


def list_networks(engine: Engine, request: Request) -> Response:
    """GET /networks — 200."""
    return json_response(list(engine.networks.list(request.query.filters())))


def inspect(engine: Engine, request: Request) -> Response:
    """GET /networks/{name} — 200."""
    return json_response(engine.networks.inspect(request.name))
