"""From a request line to the operation that it means."""

import inspect
import posixpath
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, unquote

from wharf.api.engine_port import Engine
from wharf.api.errors import PAGE_NOT_FOUND, describe, error_response
from wharf.api.head import BadHead
from wharf.api.messages import Answer, Request, Response
from wharf.api.query import Query
from wharf.api.versions import LATEST, OLDEST, parse_version
from wharf.errors import InvalidArgument

Handler = Callable[[Engine, Request], Answer | Coroutine[Any, Any, Answer]]

_VERSIONED: Final = re.compile(r"/v([0-9.]+)(/.*)")
#: Request lines whose meaning we remember: clients repeat themselves.
_REMEMBERED: Final = 512


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API. {words} of the path match anything, slashes too, as in dockerd."""

    method: str
    path: str
    handler: Handler
    since: int = OLDEST  # minor version of the API that introduced it

    @property
    def awaits(self) -> bool:
        return inspect.iscoroutinefunction(self.handler)


@dataclass(frozen=True, slots=True)
class Found:
    """An operation, and what the request line says to it."""

    operation: Operation
    awaits: bool
    path: str
    names: Mapping[str, str]
    query: Query
    version: int


class Router:
    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations: Final = tuple(operations)
        self._literal: dict[tuple[str, str], Operation] = {}
        self._patterns: dict[tuple[str, str], list[tuple[re.Pattern[str], Operation]]] = {}
        self._remembered: dict[tuple[str, bytes], Found] = {}
        for operation in self.operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        if "{" not in operation.path:
            self._literal[operation.method, operation.path] = operation
            return
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>.*)", operation.path), re.DOTALL)
        section = operation.path.split("/", 2)[1]
        self._patterns.setdefault((operation.method, section), []).append((pattern, operation))

    def find(self, method: str, target: bytes) -> Found | Response:
        """The operation, or the answer when there is none. Raises BadHead for a target that is no address."""
        known = self._remembered.get((method, target))
        if known is not None:
            return known
        raw_path, _, query = _without_host(target.decode("latin-1")).partition("?")
        path = _decode_path(raw_path)
        clean = _clean(path)
        if clean != path:
            return Response(
                301, headers=(("Location", quote(clean) + ("?" + query if query else "")),), content_type=""
            )
        found = self._match(method, path, query)
        if isinstance(found, Found) and not found.names and len(self._remembered) < _REMEMBERED:
            self._remembered[method, target] = found
        return found

    def _match(self, method: str, path: str, query: str) -> Found | Response:
        version_text = ""
        if versioned := _VERSIONED.fullmatch(path):
            version_text, path = versioned.groups()
        operation, names = self._lookup(method, path)
        if operation is None:
            return PAGE_NOT_FOUND
        try:
            version = parse_version(version_text) if version_text else LATEST
            if version < operation.since:
                return PAGE_NOT_FOUND
            return Found(operation, operation.awaits, path, names, Query.parse(query), version)
        except InvalidArgument as error:
            return error_response(*describe(error))

    def _lookup(self, method: str, path: str) -> tuple[Operation | None, Mapping[str, str]]:
        operation = self._literal.get((method, path))
        if operation is not None:
            return operation, {}
        parts = path.split("/", 2)
        for pattern, operation in self._patterns.get((method, parts[1] if len(parts) > 1 else ""), ()):
            if match := pattern.fullmatch(path):
                return operation, match.groupdict()
        return None, {}


def _without_host(target: str) -> str:
    """RFC 9112, 3.2.2: a server accepts the absolute form too."""
    if target.startswith("/"):
        return target
    match = re.fullmatch(r"https?://[^/?]*(.*)", target)
    if match is None:
        raise BadHead(HTTPStatus.BAD_REQUEST)
    return match[1] if match[1].startswith("/") else "/" + match[1]


def _decode_path(text: str) -> str:
    if "%" not in text:
        return text.encode("latin-1").decode("utf-8", "replace")
    if re.search("%(?![0-9a-fA-F]{2})", text):
        raise BadHead(HTTPStatus.BAD_REQUEST)
    return unquote(text, errors="replace")


def _clean(path: str) -> str:
    """The path without `//`, `.` and `..`; a slash at its end stays."""
    if "//" not in path and "/." not in path:
        return path
    clean = "/" + posixpath.normpath(path).lstrip("/")
    return clean + "/" if path.endswith("/") and clean != "/" else clean
