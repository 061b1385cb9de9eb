"""The section System of the API, but for /_ping."""

from collections.abc import AsyncIterator
from contextlib import closing
from typing import Final

from wharf.api.compat import PLAIN_EVENTS_SINCE
from wharf.api.decode import decode, json_body
from wharf.api.encode import json_response, to_json, versioned
from wharf.api.engine_port import Engine, Subscription
from wharf.api.messages import JSON, Request, Response, Streaming
from wharf.api.registry_auth import AuthConfig, registry_auth
from wharf.apitypes.events import event_message
from wharf.errors import InvalidArgument

_USAGE_SINCE: Final = 52  # /system/df has its new form from this version on; in this one, also the old one
_RECORD_SEPARATOR: Final = b"\x1e"  # RFC 7464
_LINE_TYPES: Final = ("application/jsonl", "application/x-ndjson", "application/json-seq")


async def info(engine: Engine, request: Request) -> Response:
    """GET /info — 200."""
    return versioned(await engine.system.info(), request.version)


async def version(engine: Engine, request: Request) -> Response:
    """GET /version — 200."""
    return json_response(await engine.system.version())


async def log_in(engine: Engine, request: Request) -> Response:
    """POST /auth — 200 when the registry takes the credentials, 401 when it does not."""
    asked = decode(await json_body(request, required=True), AuthConfig, "AuthConfig")
    token = await engine.images.log_in(registry_auth(asked))
    return json_response({"IdentityToken": token, "Status": "Login Succeeded"})


async def disk_usage(engine: Engine, request: Request) -> Response:
    """GET /system/df — 200."""
    query, version = request.query, request.version
    verbose = query.flag("verbose")
    found = await engine.system.df(
        query.all("type"),
        verbose=verbose,
        details=version < _USAGE_SINCE or (version == _USAGE_SINCE and not verbose),
        sums=version >= _USAGE_SINCE,
    )
    return versioned(found, version)


async def events(engine: Engine, request: Request) -> Streaming:
    """GET /events — 200 at once, then a JSON object for each event."""
    query = request.query
    since, until = query.time_ns("since"), query.time_ns("until")
    if since is not None and until is not None and since > until:
        raise InvalidArgument(
            f"`since` time ({query.text('since')}) cannot be after `until` time ({query.text('until')})"
        )
    subscription = engine.events.subscribe(since_ns=since, until_ns=until, filters=query.filters())
    content_type = _negotiated(request.header(b"accept"))
    prefix = _RECORD_SEPARATOR if content_type.endswith("json-seq") else b""
    pieces = _event_lines(subscription, legacy=request.version < PLAIN_EVENTS_SINCE, prefix=prefix)
    return Streaming(pieces, content_type, at_once=True, abandon=subscription.close)


def _negotiated(accept: str) -> str:
    wanted = [part.split(";", 1)[0].strip().lower() for part in accept.split(",")]
    return next((kind for kind in wanted if kind in _LINE_TYPES), JSON)


async def _event_lines(subscription: Subscription, *, legacy: bool, prefix: bytes) -> AsyncIterator[bytes]:
    with closing(subscription):
        async for event in subscription:
            message = event_message(
                type=event.type,
                action=event.action,
                id=event.id,
                attributes=event.attributes,
                time_ns=event.time_ns,
                legacy=legacy,
            )
            yield prefix + to_json(message) + b"\n"
