"""The section Container of the API."""

from collections.abc import AsyncIterator

import msgspec

from wharf.api import detach, interface_sysctls, mac_addresses
from wharf.api.compat import config_of, networking_of, stop_signal, stream_type
from wharf.api.decode import decode_create, json_body
from wharf.api.encode import json_response, to_json, versioned
from wharf.api.engine_port import Engine, WaitResult
from wharf.api.messages import Duplex, Hijack, Request, Response, Streaming
from wharf.api.query import Query, parse_int
from wharf.api.routes.checkpoints import refuse_restore
from wharf.api.streams import Unframed, log_pieces, serve_attachment
from wharf.api.websocket import WebSocketStream, handshake
from wharf.engine.containers.attaching import AttachOptions
from wharf.errors import InvalidArgument
from wharf.logs.entries import LogQuery

_DONE = Response(204)


async def list_containers(engine: Engine, request: Request) -> Response:
    """GET /containers/json — 200 with summaries, newest first."""
    query = request.query
    found = await engine.containers.list(
        query.filters(), all=query.flag("all"), limit=query.number("limit") or 0, size=query.flag("size")
    )
    return versioned(found, request.version)


async def create(engine: Engine, request: Request) -> Response:
    """POST /containers/create — 201 with the id and warnings."""
    config, host, networking = decode_create(await json_body(request, required=True))
    config = config_of(config, request.version)
    networking = networking_of(networking, request.version)
    config, warnings = mac_addresses.accepted(config, host, networking, request.version)
    host, networking, moved = interface_sysctls.accepted(host, networking, request.version)
    query = request.query
    created = await engine.containers.create(
        query.text("name") or None, config, host, networking, platform=query.text("platform")
    )
    return json_response(msgspec.structs.replace(created, warnings=[*warnings, *moved, *created.warnings]), 201)


async def inspect(engine: Engine, request: Request) -> Response:
    """GET /containers/{name}/json — 200."""
    return versioned(await engine.containers.inspect(request.name, size=request.query.flag("size")), request.version)


async def start(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/start — 204 when started, 304 when it ran already."""
    refuse_restore(request)
    if len(await request.body.read_all()) > len("{}"):
        raise InvalidArgument(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
        )
    return _DONE if await engine.containers.start(request.name) else Response(304)


async def stop(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/stop — 204 when stopped, 304 when it did not run."""
    signal = stop_signal(request.query.text("signal"), request.version)
    stopped = await engine.containers.stop(request.name, timeout=request.query.number("t"), signal=signal)
    return _DONE if stopped else Response(304)


async def restart(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/restart — 204."""
    signal = stop_signal(request.query.text("signal"), request.version)
    await engine.containers.restart(request.name, timeout=request.query.number("t"), signal=signal)
    return _DONE


async def kill(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/kill — 204 when the signal is sent."""
    await engine.containers.kill(request.name, signal=request.query.text("signal") or "SIGKILL")
    return _DONE


async def remove(engine: Engine, request: Request) -> Response:
    """DELETE /containers/{name} — 204."""
    query = request.query
    await engine.containers.remove(
        request.name, force=query.flag("force"), volumes=query.flag("v"), link=query.flag("link")
    )
    return _DONE


async def rename(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/rename — 204."""
    await engine.containers.rename(request.name, request.query.text("name"))
    return _DONE


async def pause(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/pause — 204."""
    await engine.containers.pause(request.name)
    return _DONE


async def unpause(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/unpause — 204."""
    await engine.containers.unpause(request.name)
    return _DONE


async def wait(engine: Engine, request: Request) -> Streaming:
    """POST /containers/{name}/wait — 200 at once, so that the client can go on to start; the body when it ended."""
    ended = await engine.containers.wait(request.name, request.query.text("condition") or "not-running")

    async def answer() -> AsyncIterator[bytes]:
        yield to_json(_wait_answer(await ended)) + b"\n"

    return Streaming(answer(), at_once=True, abandon=getattr(ended, "cancel", lambda: None))


def _wait_answer(result: WaitResult) -> dict[str, object]:
    return {"StatusCode": result.code} | ({"Error": {"Message": result.error}} if result.error else {})


def _attach_options(query: Query) -> AttachOptions:
    return AttachOptions(
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        stream=query.flag("stream"),
        logs=query.flag("logs"),
    )


async def attach(engine: Engine, request: Request) -> Hijack:
    """POST /containers/{name}/attach — 101 with an upgrade, 200 without; then the container's streams."""
    keys = detach.parse_keys(request.query.text("detachKeys"))
    attachment = await engine.containers.attach(request.name, _attach_options(request.query))
    # Who did not ask for an upgrade is an old client that knows one type only.
    content_type = stream_type(request.version if request.upgrade else 0, tty=attachment.tty)
    return Hijack(lambda client: serve_attachment(client, attachment, keys), content_type, abandon=attachment.close)


async def attach_websocket(engine: Engine, request: Request) -> Hijack:
    """GET /containers/{name}/attach/ws — 101; then the container's streams as messages, stdout and stderr unmarked."""
    keys = detach.parse_keys(request.query.text("detachKeys"))
    head = handshake(request)
    attachment = await engine.containers.attach(request.name, _attach_options(request.query))

    async def serve(client: Duplex) -> None:
        socket = WebSocketStream(client, request.version)
        await serve_attachment(socket, attachment if attachment.tty else Unframed(attachment), keys)
        await socket.close()

    return Hijack(serve, "", abandon=attachment.close, head=head)


async def logs(engine: Engine, request: Request) -> Streaming:
    """GET /containers/{name}/logs — 200 and the lines, with `follow` until the container ends."""
    query = request.query
    wanted = LogQuery(
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        since=query.time("since"),
        until=query.time("until"),
        tail=_tail(query.text("tail")),
        follow=query.flag("follow"),
    )
    if not (wanted.stdout or wanted.stderr):
        raise InvalidArgument("Bad parameters: you must choose at least one stream")
    details = query.flag("details")
    stream = await engine.containers.logs(request.name, wanted, details=details)
    pieces = log_pieces(stream, timestamps=query.flag("timestamps"), details=details)
    return Streaming(pieces, stream_type(request.version, tty=stream.tty), at_once=True)


async def clear_logs(engine: Engine, request: Request) -> Response:
    """★ DELETE /containers/{name}/logs — 204 when what was written until now is gone."""
    await engine.containers.clear_logs(request.name)
    return _DONE


def _tail(text: str) -> int | None:
    """Lines from the end; None is all, as is anything that is no number (dockerd takes it so)."""
    try:
        lines = parse_int(text)
    except InvalidArgument:
        return None
    return lines if lines >= 0 else None


async def top(engine: Engine, request: Request) -> Response:
    """GET /containers/{name}/top — 200."""
    return json_response(await engine.containers.top(request.name, request.query.text("ps_args") or "-ef"))


async def resize(engine: Engine, request: Request) -> Response:
    """POST /containers/{name}/resize — 200 without a body."""
    height, width = request.query.terminal_size()
    await engine.containers.resize(request.name, height, width)
    return Response(200, content_type="")


async def prune(engine: Engine, request: Request) -> Response:
    """POST /containers/prune — 200 with what was removed."""
    removed, freed = await engine.containers.prune(request.query.filters())
    return json_response({"ContainersDeleted": list(removed) or None, "SpaceReclaimed": freed})
