"""The section Exec of the API."""

from wharf.api import detach
from wharf.api.compat import stream_type
from wharf.api.decode import decode, json_body
from wharf.api.encode import json_response
from wharf.api.engine_port import Engine
from wharf.api.messages import Hijack, Request, Response
from wharf.api.streams import serve_attachment
from wharf.apitypes.execs import ExecConfig, ExecStart
from wharf.engine.containers.terminal import console_size
from wharf.engine.exec.attaching import StartOptions

_DONE = Response(200, content_type="")


async def create(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/exec — 201 with the id."""
    config = decode(await json_body(request, required=True), ExecConfig, "ExecOptions")
    keys = detach.parse_keys(config.detach_keys) if config.detach_keys else b""
    return json_response(await engine.execs.create(request.name, config, keys), 201)


async def start(engine: Engine, request: Request) -> Response | Hijack:
    """POST /exec/{name}/start — 200 when detached; else 101 with an upgrade, 200 without, then the exec's streams."""
    body = decode(await json_body(request), ExecStart, "ExecStartOptions")
    options = StartOptions(detach=body.detach, tty=body.tty, console_size=console_size(body.console_size))
    attachment = await engine.execs.start(request.name, options)
    if attachment is None:
        return _DONE
    keys = attachment.detach_keys or detach.DEFAULT_KEYS
    # Who did not ask for an upgrade is an old client that knows one type only.
    content_type = stream_type(request.version if request.upgrade else 0, tty=attachment.tty)
    return Hijack(lambda client: serve_attachment(client, attachment, keys), content_type, abandon=attachment.close)


async def resize(engine: Engine, request: Request) -> Response:
    """POST /exec/{name}/resize — 200 without a body."""
    height, width = request.query.terminal_size()
    await engine.execs.resize(request.name, height, width)
    return _DONE


async def inspect(engine: Engine, request: Request) -> Response:
    """GET /exec/{name}/json — 200."""
    return json_response(await engine.execs.inspect(request.name))
