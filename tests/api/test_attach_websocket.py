"""GET /containers/{id}/attach/ws from outside."""

import socket
import struct
import time

from harness.wharfd import Wharfd

OPEN = (
    b"GET /v1.43/containers/box/attach/ws?stream=1&stdin=1&stdout=1&stderr=1&logs=1 HTTP/1.1\r\nHost: d\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def messages(connection: socket.socket) -> tuple[bytes, int]:
    """All payloads until the server closes, and the code it closes with."""
    stream = connection.makefile("rb")
    status = stream.readline()
    assert b" 101 " in status
    while stream.readline() != b"\r\n":
        pass
    output = b""
    while True:
        opcode, size = struct.unpack("BB", stream.read(2))
        if size == 126:
            (size,) = struct.unpack(">H", stream.read(2))
        payload = stream.read(size)
        if opcode == 0x88:
            return output, struct.unpack(">H", payload)[0]
        assert opcode == 0x82  # binary, whole
        output += payload


def test_input_and_output(wharfd: Wharfd) -> None:
    script = "echo ready; read line; echo got $line; echo bad >&2; exit 3"
    wharfd.docker("run", "-di", "--name", "box", "busybox", "sh", "-c", script)
    with wharfd.connect() as connection:
        connection.sendall(OPEN + b"\x82\x83" + bytes(4) + b"hi\n")
        output, code = messages(connection)
    assert output.startswith(b"ready\n") and b"got hi\n" in output and b"bad\n" in output
    assert code == 1000
    assert wharfd.docker("wait", "box").text == "3"


def test_a_request_that_opens_none(wharfd: Wharfd) -> None:
    wharfd.docker("create", "--name", "box", "busybox", "true")
    answer = wharfd.request("GET", "/containers/box/attach/ws?stream=1")
    assert answer.status == 400 and "websocket" in answer.message


def test_detach_keys(wharfd: Wharfd) -> None:
    """Typed to the engine, not to a docker CLI, which keeps them to itself."""
    wharfd.docker("run", "-dit", "--name", "box", "busybox", "cat")
    with wharfd.connect() as connection:
        connection.sendall(OPEN + b"\x82\x82" + bytes(4) + b"\x10\x11")
        assert messages(connection)[1] == 1000
    assert wharfd.state("box")["Running"]
    told = wharfd.docker("events", "--since", "1", "--until", str(time.time()), "--filter", "event=detach").text
    assert "container detach" in told and "name=box" in told
