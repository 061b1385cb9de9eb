"""Asking one plugin: JSON over HTTP, as the plugin protocol has it (docs.docker.com/engine/extend/plugin_api)."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from wharf.errors import EngineError
from wharf.plugins.discovery import Address, Tls
from wharf.spec.unreadable import UNREADABLE

_TYPE: Final = "application/vnd.docker.plugins.v1.2+json"
_LARGEST: Final = 4 << 20  # bytes of an answer
_FIRST_PAUSE: Final = 0.1  # seconds; doubled with each attempt that finds nobody


class PluginFailed(EngineError):
    """The plugin said no, or nothing that makes sense."""


class PluginSilent(EngineError):
    """The plugin cannot be reached, or did not answer in time."""


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class PluginClient:
    """Each question has a connection of its own, so that one that hangs is in nobody's way.

    `connect` opens one in another way than the address says; it raises OSError. No answer may take longer than `limit`.
    """

    def __init__(
        self,
        address: Address,
        *,
        connect: Callable[[], Awaitable[Streams]] | None = None,
        limit: timedelta | None = None,
    ) -> None:
        self.address = address
        self._connect = connect or self._connect_to_address
        self._limit = limit

    async def call(
        self, method: str, arguments: Mapping[str, Any] | None = None, *, within: timedelta, patience: timedelta
    ) -> dict[str, Any]:
        """The answer to `method` ("VolumeDriver.Mount"), which must come `within` this time.

        While nobody listens it is tried again for as long as `patience`. Raises PluginFailed, PluginSilent.
        """
        body = json.dumps(arguments or {}).encode()
        within = within if self._limit is None else min(within, self._limit)
        loop = asyncio.get_running_loop()
        until = loop.time() + patience.total_seconds()
        pause = _FIRST_PAUSE
        while True:
            try:
                async with asyncio.timeout(within.total_seconds()):
                    reader, writer = await self._connect()
                    try:
                        return await _ask(reader, writer, method, body)
                    finally:
                        writer.close()
            except TimeoutError:
                raise PluginSilent(f"{_post(method)}: context deadline exceeded") from None
            except OSError as error:
                if loop.time() + pause > until:
                    raise PluginSilent(f"{_post(method)}: {self._reason(error)}") from None
            except (ValueError, EOFError, asyncio.LimitOverrunError):
                raise PluginFailed(f"{_post(method)}: malformed HTTP response") from None
            await asyncio.sleep(pause)
            pause *= 2

    def _reason(self, error: OSError) -> str:
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            return "EOF"
        where = f"unix {self.address.socket}" if self.address.socket else f"tcp {urlsplit(self.address.url).netloc}"
        return f"dial {where}: connect: {(error.strerror or str(error)).lower()}"

    async def _connect_to_address(self) -> Streams:
        if self.address.socket:
            return await open_stream(self.address.socket)
        url = urlsplit(self.address.url)
        tls = self.address.tls or (Tls() if url.scheme == "https" else None)
        context = None if tls is None else await asyncio.to_thread(_context, tls)
        port = url.port or (443 if context else 80)
        return await asyncio.open_connection(url.hostname, port, ssl=context, limit=_LARGEST)


async def open_stream(path: str) -> Streams:
    """A connection to the socket at `path`. Raises OSError."""
    return await asyncio.open_unix_connection(path, limit=_LARGEST)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca or None)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key or None)
    return context


def _post(method: str) -> str:
    """The question in dockerd's words."""
    return f'Post "http://plugin.moby.localhost/{method}"'


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, body: bytes) -> dict[str, Any]:
    head = (
        f"POST /{method} HTTP/1.1\r\nHost: plugin\r\nAccept: {_TYPE}\r\nContent-Type: {_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    status, headers = await _head(reader)
    return _understand(method, status, await _body(reader, headers))


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Raises ConnectionResetError when nothing comes, ValueError for what is no HTTP."""
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            raise ConnectionResetError from None
        raise ValueError("the head ends early") from None
    first, *lines = text.rstrip("\r\n").split("\r\n")
    version, status, *_ = [*first.split(" ", 2), ""]
    if not version.startswith("HTTP/1."):
        raise ValueError(first)
    pairs = (line.partition(":") for line in lines)
    return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """Raises ValueError for more than anybody has to say."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader)
    if (length := headers.get("content-length")) is None:
        data = await reader.read(_LARGEST + 1)
        while data and len(data) <= _LARGEST and (more := await reader.read(_LARGEST)):
            data += more
        return _limited(data)
    if int(length) > _LARGEST:
        raise ValueError("too long")
    return await reader.readexactly(int(length))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    data = bytearray()
    while size := int((await reader.readline()).split(b";")[0] or b"x", 16):
        if size > _LARGEST - len(data):
            raise ValueError("too long")
        data += await reader.readexactly(size)
        await reader.readline()
        await asyncio.sleep(0)  # what is here already is read without a pause, and may be very many chunks
    return bytes(data)


def _limited(data: bytes) -> bytes:
    if len(data) > _LARGEST:
        raise ValueError("too long")
    return data


def _understand(method: str, status: int, body: bytes) -> dict[str, Any]:
    """The answer, or PluginFailed with what the plugin says is wrong."""
    try:
        # Unlike the standard library's it takes no text that could not be written again.
        value = msgspec.json.decode(body) if body.strip() else {}
    except UNREADABLE:
        value = None
    told = value.get("Err") or "" if isinstance(value, dict) else ""
    if status != 200:
        said = told if isinstance(told, str) and told else body.decode(errors="replace").strip()
        raise PluginFailed(f"{method}: {said}" if said else f"{method}: {status}")
    if not isinstance(value, dict):
        raise PluginFailed(f"{method}: the answer is no JSON object")
    if told:
        raise PluginFailed(str(told))
    return value
