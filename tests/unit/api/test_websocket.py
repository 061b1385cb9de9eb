"""WebSockets: frames cut in every way, the handshake, and the stream over them."""

import asyncio
import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.api.body import Body, LengthFraming
from wharf.api.messages import Request
from wharf.api.query import Query
from wharf.api.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameReader,
    ProtocolError,
    WebSocketStream,
    frame,
    handshake,
)
from wharf.errors import InvalidArgument


def masked(opcode: int, payload: bytes, *, final: bool = True, mask: bytes = b"\x12\xf4\x00\x9c") -> bytes:
    """A frame as clients send it."""
    head = bytearray(frame(opcode, payload)[: -len(payload) or None])
    head[0] = (0x80 if final else 0) | opcode
    head[1] |= 0x80
    return bytes(head) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(min(edge, len(data)) for edge in at), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    st.lists(st.one_of(st.binary(max_size=400), st.just(bytes(70_000))), max_size=4),
    st.lists(st.integers(0, 800), max_size=12),
)
def test_frames_are_read_however_they_are_cut(payloads: list[bytes], at: list[int]) -> None:
    data = b"".join(masked(BINARY, payload) for payload in payloads) + masked(PING, b"end")
    reader = FrameReader()
    found = [one for piece in cut(data, at) for one in reader.feed(piece)]
    assert b"".join(payload for opcode, payload in found if opcode == BINARY) == b"".join(payloads)
    assert found[-1] == (PING, b"end")


def test_a_control_frame_may_come_between_the_fragments_of_a_message() -> None:
    data = masked(TEXT, b"a", final=False) + masked(PING, b"") + masked(CONTINUATION, b"b")
    assert list(FrameReader().feed(data)) == [(TEXT, b"a"), (PING, b""), (CONTINUATION, b"b")]


@pytest.mark.parametrize(
    "data",
    [
        frame(BINARY, b"no mask"),
        masked(3, b"x"),
        masked(BINARY | 0x40, b"x"),
        masked(PING, b"x", final=False),
        masked(PING, bytes(126)),
        masked(CONTINUATION, b"of nothing"),
        masked(TEXT, b"a", final=False) + masked(TEXT, b"b"),
        struct.pack(">BBQ", 0x82, 0xFF, 1 << 63) + bytes(4),
    ],
)
def test_frames_that_break_the_protocol(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(FrameReader().feed(data))


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_no_bytes_do_worse_than_break_the_protocol(pieces: list[bytes]) -> None:
    reader = FrameReader()
    try:
        for piece in pieces:
            list(reader.feed(piece))
    except ProtocolError:
        pass


def ask(upgrade: str = "websocket", key: str = "dGhlIHNhbXBsZSBub25jZQ==", version: str = "13") -> Request:
    headers = {b"sec-websocket-key": key.encode(), b"sec-websocket-version": version.encode()}
    body = Body(LengthFraming(0), wanted=lambda: None, room=lambda: None)
    return Request("GET", "/x", {}, Query(), headers, 54, body, upgrade)


def test_the_handshake() -> None:
    """With the numbers of RFC 6455, 1.3."""
    head = handshake(ask("WebSocket"))
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head


@pytest.mark.parametrize(
    "request_", [ask(""), ask("tcp"), ask(key=""), ask(key="c2hvcnQ="), ask(key="%"), ask(version="8")]
)
def test_handshakes_that_are_refused(request_: Request) -> None:
    with pytest.raises(InvalidArgument, match="bad request"):
        handshake(request_)


class Wire:
    """What a client sends, and what it gets."""

    def __init__(self, *sent: bytes) -> None:
        self._sent = list(sent)
        self.got = b""

    async def read(self) -> bytes:
        return self._sent.pop(0) if self._sent else b""

    async def write(self, data: bytes) -> None:
        self.got += data


def drain(wire: Wire, version: int = 54) -> bytes:
    async def run() -> bytes:
        stream = WebSocketStream(wire, version)
        got = b""
        while data := await stream.read():
            got += data
        await stream.write(b"out")
        await stream.close()
        return got

    return asyncio.run(run())


def test_a_stream() -> None:
    wire = Wire(masked(BINARY, b"in") + masked(PING, b"?"), masked(TEXT, b"put"))
    assert drain(wire) == b"input"
    assert wire.got == frame(PONG, b"?") + frame(BINARY, b"out") + frame(CLOSE, struct.pack(">H", 1000))


def test_who_closes_gets_no_more() -> None:
    wire = Wire(masked(BINARY, b"in") + masked(CLOSE, struct.pack(">H", 1001)) + masked(BINARY, b"more"))
    assert drain(wire) == b"in"
    assert wire.got == frame(CLOSE, struct.pack(">H", 1000))


def test_who_breaks_the_protocol_is_told() -> None:
    wire = Wire(b"GET / HTTP/1.1\r\n\r\n")
    assert drain(wire) == b""
    assert wire.got == frame(CLOSE, struct.pack(">H", 1002))


def test_old_clients_get_text() -> None:
    wire = Wire()
    drain(wire, 27)
    assert wire.got.startswith(frame(TEXT, b"out"))
