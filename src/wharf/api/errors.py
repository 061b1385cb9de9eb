"""How faults look on the wire. The only place where kinds of error and HTTP numbers meet."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from wharf.api.messages import Response
from wharf.errors import (
    Conflict,
    EngineError,
    InvalidArgument,
    NotFound,
    NotImplementedByUs,
    PermissionDenied,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

logger: Final = logging.getLogger("wharf.api")

HTTP_STATUS: Final[Mapping[type[BaseException], HTTPStatus]] = {
    InvalidArgument: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    PermissionDenied: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotImplementedByUs: HTTPStatus.NOT_IMPLEMENTED,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    EngineError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def describe(error: BaseException) -> tuple[HTTPStatus, str]:
    """Status and message for the client: those of the nearest class in HTTP_STATUS."""
    for kind in type(error).__mro__:
        if kind in HTTP_STATUS:
            return HTTP_STATUS[kind], str(error)
    # Not one of ours, so a bug: its text may hold paths or secrets and goes to the log only.
    return HTTPStatus.INTERNAL_SERVER_ERROR, "internal error (see the daemon's log)"


def record_bug(error: BaseException, what: str) -> None:
    """Writes an error that is none of ours to the log, with its traceback. `what` names the request."""
    if not isinstance(error, EngineError):
        logger.error("%s failed: %s", what, type(error).__name__, exc_info=error)


def error_response(status: int, message: str) -> Response:
    # A message may quote a file's name, and those may be anything; JSON is UTF-8.
    text = message.encode("utf-8", "replace").decode()
    return Response(status, msgspec.json.encode({"message": text}) + b"\n")


PAGE_NOT_FOUND: Final = error_response(404, "page not found")
