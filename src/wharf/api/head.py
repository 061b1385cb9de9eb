"""The head of an HTTP/1 request: from its bytes to a value."""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httptools

#: Bytes of a request line with all headers. dockerd takes 1 MiB; no client needs a tenth of it.
MAX_HEAD: Final = 64 * 1024

#: Sent more than once, these let two programs read one request in two ways (RFC 9112, 6.3 and 3.2).
_ONCE: Final = frozenset({b"content-length", b"transfer-encoding", b"host"})


class BadHead(Exception):
    """Not a request that HTTP allows; answered in plain text, then the connection is closed."""

    def __init__(self, status: HTTPStatus, text: str = "") -> None:
        super().__init__(text or f"{status.value} {status.phrase}")
        self.status = status


@dataclass(slots=True)
class Head:
    """A request line and its headers. Names of headers are in lower case; of a repeated one the first counts."""

    method: str = ""
    target: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    http_minor: int = 1
    keep_alive: bool = True
    length: int = 0  # bytes of the body; meaningless when `chunked`
    chunked: bool = False
    upgrade: bytes = b""  # the protocol asked for, when Connection says that it is meant

    @property
    def has_body(self) -> bool:
        return self.chunked or self.length > 0

    @property
    def expects_continue(self) -> bool:
        return b"expect" in self.headers and self.http_minor > 0


class _Collector:
    """Receives httptools' callbacks."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.repeated = False
        self.heads = 0

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in self.headers:
            self.repeated = self.repeated or name in _ONCE
        else:
            self.headers[name] = value

    def on_headers_complete(self) -> None:
        self.heads += 1


def parse_head(data: bytes) -> Head:
    """Read a head that ends with its empty line. Raises BadHead."""
    seen = _Collector()
    parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # raised at the end of every head that asks for an upgrade
    except httptools.HttpParserInvalidMethodError:
        raise _unknown_method(data) from None
    except httptools.HttpParserError as error:
        if b"\r\n" in data and re.match(rb"[^ ]+ [^ ]+ HTTP/(?!1\.[01]\r)[0-9.]+\r\n", data):
            raise BadHead(
                HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "505 HTTP Version Not Supported: unsupported protocol version"
            ) from None
        if "Transfer-Encoding" in str(error) and b"content-length" not in seen.headers:
            raise BadHead(HTTPStatus.NOT_IMPLEMENTED, "Unsupported transfer encoding") from None
        raise BadHead(HTTPStatus.BAD_REQUEST) from None
    if seen.heads != 1:
        raise BadHead(HTTPStatus.BAD_REQUEST)
    return _checked(parser, seen)


def _unknown_method(data: bytes) -> BadHead:
    method = data.split(b" ", 1)[0]
    if re.fullmatch(rb"[A-Z]{1,32}", method):
        return BadHead(HTTPStatus.NOT_FOUND, "page not found")
    return BadHead(HTTPStatus.BAD_REQUEST)


def _checked(parser: httptools.HttpRequestParser, seen: _Collector) -> Head:
    headers = seen.headers
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        raise BadHead(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "505 HTTP Version Not Supported: unsupported protocol version"
        )
    if seen.repeated:
        raise BadHead(HTTPStatus.BAD_REQUEST)
    if b"host" not in headers and version == "1.1":
        raise BadHead(HTTPStatus.BAD_REQUEST, "400 Bad Request: missing required Host header")
    minor = 1 if version == "1.1" else 0
    head = Head(parser.get_method().decode("latin-1"), seen.target, headers, minor)
    connection = headers.get(b"connection", b"").lower() if b"connection" in headers else b""
    head.keep_alive = minor == 1 and b"close" not in connection
    if b"transfer-encoding" in headers:
        if headers[b"transfer-encoding"].strip().lower() != b"chunked" or minor == 0:
            raise BadHead(HTTPStatus.NOT_IMPLEMENTED, "Unsupported transfer encoding")
        head.chunked = True
    elif b"content-length" in headers:
        head.length = int(headers[b"content-length"])
    if b"upgrade" in headers and b"upgrade" in connection:
        head.upgrade = headers[b"upgrade"]
    if b"expect" in headers and headers[b"expect"].strip().lower() != b"100-continue":
        raise BadHead(HTTPStatus.EXPECTATION_FAILED)
    return head
