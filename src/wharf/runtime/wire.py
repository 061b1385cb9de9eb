"""Messages between wharfd, spawner and shims: one line of JSON each, with descriptors beside it.

Standard library only: the shim loads this.
"""

import array
import json
import socket
from typing import Any, Final

#: More than a request with the longest command line and paths needs.
LONGEST: Final = 1 << 20
MOST_DESCRIPTORS: Final = 250  # the kernel's limit for one message is 253 (SCM_MAX_FD)


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def send(to: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Sends a message as a whole. Raises OSError when the other side has gone or (without blocking) does not read."""
    data = memoryview(encode(message))
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = to.sendmsg([data], control, socket.MSG_NOSIGNAL)
    while sent < len(data):
        sent += to.send(data[sent:], socket.MSG_NOSIGNAL)


class Reader:
    """Puts messages together again, whatever the pieces they arrive in."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self._data = bytearray()
        self.fds: list[int] = []  # arrived and not taken yet, in order; the taker closes them
        self.at_end = False

    def receive(self) -> list[dict[str, Any]]:
        """All messages that one read completes; waits if the socket does. Sets `at_end` when the other side closed."""
        try:
            data, control, _, _ = self._source.recvmsg(65536, socket.CMSG_SPACE(MOST_DESCRIPTORS * 4))
        except BlockingIOError:
            return []
        except ConnectionError:
            data, control = b"", []
        for level, kind, payload in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
                self.fds.extend(numbers)
        if not data or len(self._data) > LONGEST:
            self.at_end = True
            return []
        self._data += data
        *lines, rest = self._data.split(b"\n")
        self._data = bytearray(rest)
        return [json.loads(line) for line in lines if line]

    def rest(self) -> bytes:
        """What came after the last message; for a connection that changes to raw bytes."""
        data, self._data = bytes(self._data), bytearray()
        return data
