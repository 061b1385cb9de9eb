"""Bytes of the head of an answer."""

import time
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from wharf import __version__
from wharf.api.versions import LATEST

Headers = tuple[tuple[str, str], ...]

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

#: dockerd says these in every answer.
_ALWAYS: Final = (
    f"Api-Version: 1.{LATEST}\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: Wharf/{__version__} (linux)\r\n"
).encode()
_STATUS: Final = {s.value: f" {s.value} {s.phrase}\r\n".encode() + _ALWAYS for s in HTTPStatus}


class _Clock:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._header = b""

    def header(self) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            # Not email.utils.formatdate: the daemon's start would pay for its imports.
            self._header = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(now)).encode()
        return self._header


date_header: Final = _Clock().header


def response_head(
    status: int,
    *,
    content_type: str = "",
    length: int | None = None,
    chunked: bool = False,
    keep_alive: bool = True,
    http_minor: int = 1,
    headers: Headers = (),
) -> bytes:
    """The head of an answer with its empty line. `length` is None where the framing is another, or there is no body."""
    parts = [_beginning(status, content_type, http_minor, headers), date_header()]
    if length is not None:
        parts.append(b"Content-Length: %d\r\n" % length)
    if chunked:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if not keep_alive:
        parts.append(b"Connection: close\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)


@lru_cache(maxsize=256)
def _beginning(status: int, content_type: str, http_minor: int, headers: Headers) -> bytes:
    """What is the same for all answers of a kind."""
    parts = [b"HTTP/1.1" if http_minor else b"HTTP/1.0", _STATUS[status]]
    parts += [_header(name, value) for name, value in headers]
    if content_type:
        parts.append(_header("Content-Type", content_type))
    return b"".join(parts)


def _header(name: str, value: str) -> bytes:
    # A value may carry user text (a name, an error): a line break in it must not begin a header of its own.
    line = f"{name}: {value}".replace("\r", " ").replace("\n", " ")
    return line.encode("latin-1", "replace") + b"\r\n"


def hijack_head(content_type: str, *, upgrade: str, http_minor: int = 1) -> bytes:
    """The head behind which the connection belongs to the stream. `upgrade` is "" when the client asked for none."""
    if upgrade:
        return (
            f"HTTP/1.1 101 UPGRADED\r\nContent-Type: {content_type}\r\nConnection: Upgrade\r\n"
            f"Upgrade: {upgrade}\r\n\r\n"
        ).encode()
    return f"HTTP/1.{http_minor} 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode()


def plain_refusal(status: int, text: str) -> bytes:
    """The answer to what is no request; as Go's server words it."""
    phrase = HTTPStatus(status).phrase
    body = text.encode()
    return (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
