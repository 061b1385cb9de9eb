"""Messages between wharfd, spawner and shims: one line of JSON each, with descriptors beside it.

Standard library only: the shim loads this, and for its sake _socket instead of socket, whose enumerations cost memory.
"""

import _socket
import array
import errno
from typing import Any, Final

from wharf.jsontext import decode_json
from wharf.runtime import records

#: More than a request with the longest command line and paths needs.
LONGEST: Final = 1 << 20
#: More than a launch needs, because config.json does not come this way; less than a packet on a socket may have.
LONGEST_LAUNCH: Final = 1 << 17
#: Nothing has come, or the kernel has no memory for it just now: it is still there the next time.
_LATER: Final = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
MOST_DESCRIPTORS: Final = 250  # the kernel's limit for one message is 253 (SCM_MAX_FD)


def accept(listener: _socket.socket) -> _socket.socket:
    """The next connection. Raises OSError."""
    fd, _ = listener._accept()  # type: ignore[attr-defined]  # what socket.accept() itself calls
    return _socket.socket(fileno=fd)


def encode(message: dict[str, Any]) -> bytes:
    return records.encode(message) + b"\n"


def send(to: _socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Sends a message as a whole. Raises OSError when the other side has gone or (without blocking) does not read."""
    data = memoryview(encode(message))
    while len(fds) > MOST_DESCRIPTORS:
        # Some hundred published ports: what is too much for one packet goes ahead, with a byte of the message.
        to.sendmsg([data[:1]], _rights(fds[:MOST_DESCRIPTORS]), _socket.MSG_NOSIGNAL)
        data, fds = data[1:], fds[MOST_DESCRIPTORS:]
    sent = to.sendmsg([data], _rights(fds), _socket.MSG_NOSIGNAL)
    while sent < len(data):
        sent += to.send(data[sent:], _socket.MSG_NOSIGNAL)


def _rights(fds: tuple[int, ...]) -> list[tuple[int, int, "array.array[int]"]]:
    return [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))] if fds else []


class Reader:
    """Puts messages together again, whatever the pieces they arrive in."""

    def __init__(self, source: _socket.socket) -> None:
        self._source = source
        self._data = bytearray()
        self.fds: list[int] = []  # arrived and not taken yet, in order; the taker closes them
        self.lost = False  # there was no room for some: this process has too many open files
        self.at_end = False

    def receive(self) -> list[dict[str, Any]]:
        """All messages that one read completes; waits if the socket does. Sets `at_end` when the other side closed."""
        try:
            data, control, flags, _ = self._source.recvmsg(
                65536, _socket.CMSG_SPACE(MOST_DESCRIPTORS * 4), _socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionError:
            data, control, flags = b"", [], 0
        except OSError as error:
            if error.errno in _LATER:
                return []
            raise
        self.lost = bool(flags & _socket.MSG_CTRUNC)
        for level, kind, payload in control:
            if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
                self.fds.extend(numbers)
        if not data or len(self._data) > LONGEST:
            self.at_end = True
            return []
        self._data += data
        *lines, rest = self._data.split(b"\n")
        self._data = bytearray(rest)
        return [decode_json(line) for line in lines if line]

    def put_back(self, data: bytes) -> None:
        """What another reader of this connection had as its rest()."""
        self._data += data

    def rest(self) -> bytes:
        """What came after the last message; for a connection that changes hands."""
        data, self._data = bytes(self._data), bytearray()
        return data
