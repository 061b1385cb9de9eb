"""The section Plugin of the API."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from wharf.api.decode import decode_list, decode_texts, json_body
from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Request, Response, Streaming
from wharf.api.query import parse_int
from wharf.api.registry_auth import parse_registry_auth
from wharf.api.streams import progress_pieces
from wharf.apitypes.plugins import PluginPrivilege
from wharf.distribution.config import RegistryAuth

_LONGEST: Final = timedelta.max // timedelta(seconds=1)  # seconds


def list_plugins(engine: Engine, request: Request) -> Response:
    """GET /plugins — 200."""
    return json_response(list(engine.plugins.list(request.query.filters())))


def inspect(engine: Engine, request: Request) -> Response:
    """GET /plugins/{name}/json — 200."""
    return json_response(engine.plugins.inspect(request.name))


async def privileges(engine: Engine, request: Request) -> Response:
    """GET /plugins/privileges — 200 with what the plugin `remote` demands."""
    return json_response(list(await engine.plugins.privileges(request.query.text("remote"), _auth(request))))


async def create(engine: Engine, request: Request) -> Response:
    """POST /plugins/create — 204."""
    await engine.plugins.create(request.query.text("name"), aiter(request.body))
    return Response(204, content_type="")


async def pull(engine: Engine, request: Request) -> Streaming:
    """POST /plugins/pull — 200 with progress lines."""
    remote, name = request.query.text("remote"), request.query.text("name")
    granted, auth = await _granted(request), _auth(request)
    # What a client goes on with, to configure and enable the plugin.
    headers = (("Docker-Plugin-Name", engine.plugins.name_for(remote, name)),)
    return Streaming(
        progress_pieces(lambda report: engine.plugins.pull(remote, name, granted, auth, report)), headers=headers
    )


async def upgrade(engine: Engine, request: Request) -> Streaming:
    """POST /plugins/{name}/upgrade — 200 with progress lines."""
    remote, granted, auth = request.query.text("remote"), await _granted(request), _auth(request)
    return Streaming(
        progress_pieces(lambda report: engine.plugins.upgrade(request.name, remote, granted, auth, report))
    )


async def push(engine: Engine, request: Request) -> Streaming:
    """POST /plugins/{name}/push — 200 with progress lines."""
    auth = _auth(request)
    return Streaming(progress_pieces(lambda report: engine.plugins.push(request.name, auth, report)))


async def remove(engine: Engine, request: Request) -> Response:
    """DELETE /plugins/{name} — 200 without a body."""
    await engine.plugins.remove(request.name, force=request.query.flag("force"))
    return Response(200, content_type="")


async def enable(engine: Engine, request: Request) -> Response:
    """POST /plugins/{name}/enable — 200 without a body. A timeout of 0 seconds is the plugin client's own."""
    seconds = min(parse_int(request.query.text("timeout", "0")), _LONGEST)
    await engine.plugins.enable(request.name, timeout=timedelta(seconds=seconds) if seconds > 0 else None)
    return Response(200, content_type="")


async def disable(engine: Engine, request: Request) -> Response:
    """POST /plugins/{name}/disable — 200 without a body."""
    await engine.plugins.disable(request.name, force=request.query.flag("force"))
    return Response(200, content_type="")


async def set(engine: Engine, request: Request) -> Response:
    """POST /plugins/{name}/set — 204."""
    await engine.plugins.set(request.name, decode_texts(await json_body(request), "[]string"))
    return Response(204, content_type="")


async def _granted(request: Request) -> Sequence[PluginPrivilege]:
    """The privileges in the body, which the user has agreed to."""
    return decode_list(await json_body(request), PluginPrivilege, "PluginPrivileges")


def _auth(request: Request) -> RegistryAuth | None:
    return parse_registry_auth(request.header(b"x-registry-auth"))
