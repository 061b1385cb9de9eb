"""What a handler gets and what it may answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from wharf.api.body import Body
from wharf.api.query import Query
from wharf.api.wire import Headers

JSON: Final = "application/json"


@dataclass(slots=True)
class Request:
    """A request to one of our operations. `version` is the minor number of the API that the client speaks."""

    method: str
    path: str  # decoded, without the version
    names: Mapping[str, str]  # what the pattern's {words} matched
    query: Query
    headers: Mapping[bytes, bytes]  # names in lower case
    version: int
    body: Body
    upgrade: str = ""  # "tcp", "h2c", "websocket"
    id: str = ""  # marks the request's lines in the log

    @property
    def name(self) -> str:
        """The container, image or network in the path."""
        return self.names["name"]

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")


def _nothing() -> None:
    """There is nothing to give back."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. Without a content type nothing is said about the (then empty) body."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Streaming:
    """An answer that grows. Unless `at_once`, its head waits for the first piece, and an error before that one is
    answered with its own status; an error behind the head cuts the connection, so that nobody takes half for whole."""

    pieces: AsyncIterator[bytes]
    content_type: str = JSON
    at_once: bool = False
    headers: Headers = ()
    abandon: Callable[[], object] = _nothing  # called in place of the first piece when the client left before it


class Duplex(Protocol):
    """A hijacked connection."""

    async def read(self) -> bytes:
        """The client's next bytes (never none of those it sent with its request), b"" when it sends no more."""

    async def write(self, data: bytes) -> None:
        """Waits while the client does not read. Raises ClientGone when it is."""


@dataclass(frozen=True, slots=True)
class Hijack:
    """The connection is no HTTP any more: `serve` has it until it returns; then it is flushed and closed."""

    serve: Callable[[Duplex], Awaitable[None]]
    content_type: str
    abandon: Callable[[], object] = _nothing  # called in place of `serve` when the client has left
    head: bytes = b""  # in place of the head that the content type and the upgrade make


Answer = Response | Streaming | Hijack
