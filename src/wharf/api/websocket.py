"""WebSockets (RFC 6455) on the server's side: the handshake, the framing, and a stream over them."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from wharf.api.messages import Duplex, Request
from wharf.errors import InvalidArgument

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
_DATA: Final = frozenset({CONTINUATION, TEXT, BINARY})
_CONTROL: Final = frozenset({CLOSE, PING, PONG})
_LONGEST_CONTROL: Final = 125  # bytes
#: Output is sent in binary messages since this version of the API: it need not be UTF-8.
_BINARY_SINCE: Final = 28

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002


class ProtocolError(Exception):
    """What came is no frame that a client may send."""


def handshake(request: Request) -> bytes:
    """The head of the answer that opens a WebSocket. Raises InvalidArgument for a request that opens none."""
    if request.upgrade.lower() != "websocket":
        raise InvalidArgument("bad request: this operation needs the headers Upgrade: websocket, Connection: Upgrade")
    if request.header(b"sec-websocket-version").strip() != "13":
        raise InvalidArgument("bad request: missing or bad WebSocket version: 13 is supported")
    key = request.header(b"sec-websocket-key").strip()
    try:
        random = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        random = b""
    if len(random) != 16:
        raise InvalidArgument("bad request: missing or bad Sec-WebSocket-Key")
    accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole message from the server."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
    return head + payload


class FrameReader:
    """Takes a client's frames apart, whichever way their bytes are cut. Where messages of data end is not told."""

    def __init__(self) -> None:
        self._rest = bytearray()  # of which the beginning is cheap to take off
        self._opcode = 0
        self._mask = b""
        self._left = -1  # bytes of the present frame's payload that are still to come; -1 before its head
        self._in_message = False

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Opcode and payload: control frames whole, of data what is there. Raises ProtocolError."""
        self._rest += data
        while True:
            if self._left < 0 and not self._take_head():
                return
            whole = self._opcode in _CONTROL
            if len(self._rest) < (self._left if whole else min(1, self._left)):
                return
            size = min(self._left, len(self._rest))
            payload = _unmasked(self._rest[:size], self._mask)
            del self._rest[:size]
            self._mask = self._mask[size % 4 :] + self._mask[: size % 4]
            self._left = self._left - size or -1
            if whole or payload:
                yield self._opcode, payload

    def _take_head(self) -> bool:
        """Whether the head of a frame was there; if so it is read."""
        data = self._rest
        if len(data) < 2:
            return False
        first, second = data[0], data[1]
        size, at = second & 0x7F, 2
        opcode, final = first & 0x0F, bool(first & 0x80)
        if first & 0x70 or opcode not in _DATA | _CONTROL or not second & 0x80:
            raise ProtocolError("extensions, unknown opcodes and payloads without a mask are not allowed")
        if opcode in _CONTROL and (not final or size > _LONGEST_CONTROL):
            raise ProtocolError("a control frame is short and whole")
        if opcode in _DATA and (opcode == CONTINUATION) != self._in_message:
            raise ProtocolError("fragments of messages are mixed up")
        if size >= 126:
            kind = ">H" if size == 126 else ">Q"
            at += struct.calcsize(kind)
            if len(data) >= at:
                (size,) = struct.unpack_from(kind, data, 2)
        if len(data) < at + 4:
            return False
        if size >> 63:
            raise ProtocolError("a length with its highest bit set")
        if opcode in _DATA:
            self._in_message = not final
        self._opcode, self._mask, self._left = opcode, bytes(data[at : at + 4]), size
        del data[: at + 4]
        return True


def _unmasked(data: bytearray, mask: bytes) -> bytes:
    size = len(data)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data) ^ int.from_bytes(key)).to_bytes(size)


class WebSocketStream:
    """Implements messages.Duplex over the frames of a hijacked connection."""

    def __init__(self, client: Duplex, version: int) -> None:
        self._client = client
        self._kind = BINARY if version >= _BINARY_SINCE else TEXT
        self._reader = FrameReader()
        self._closed = False  # we have said that we send no more
        self._ended = False  # the client has, or is gone

    async def read(self) -> bytes:
        """The payload of the client's next messages, b"" when it closed or broke the protocol."""
        while not self._ended:
            data = await self._client.read()
            if not data:
                self._ended = True
                break
            try:
                if payload := await self._take(data):
                    return payload
            except ProtocolError:
                self._ended = True
                await self.close(PROTOCOL_ERROR)
        return b""

    async def _take(self, data: bytes) -> bytes:
        parts = []
        for opcode, payload in self._reader.feed(data):
            if opcode in _DATA:
                parts.append(payload)
            elif opcode == PING:
                await self._send(PONG, payload)
            elif opcode == CLOSE:
                self._ended = True
                await self.close()
                break
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        await self._send(self._kind, data)

    async def close(self, code: int = NORMAL) -> None:
        """Says, once, that nothing more will be sent."""
        if not self._closed:
            await self._send(CLOSE, struct.pack(">H", code))
            self._closed = True

    async def _send(self, opcode: int, payload: bytes) -> None:
        if not self._closed:
            await self._client.write(frame(opcode, payload))
