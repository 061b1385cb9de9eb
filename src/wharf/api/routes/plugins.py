"""The section Plugin of the API. There are no plugins: the list is empty, and none can be installed."""

from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response
from wharf.errors import NotFound, NotImplementedByUs


def list_plugins(engine: Engine, request: Request) -> Response:
    """GET /plugins — 200."""
    return json_response([])


def missing(engine: Engine, request: Request) -> Response:
    """All that is done with a plugin — 404."""
    raise NotFound(f'plugin "{request.name}" not found')


def no_installing(engine: Engine, request: Request) -> Response:
    """GET /plugins/privileges, POST /plugins/pull and /plugins/create — 501."""
    raise NotImplementedByUs("plugins are not supported")
