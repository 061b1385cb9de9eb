"""Connections to receivers: how frames go through them without waiting."""

import _socket
import array
import errno
import fcntl
import os
import sys
from collections import deque
from typing import Any, Final, Protocol

from wharf.runtime.shim.loop import READ, WRITE

#: Frames that go into one system call.
_AT_ONCE: Final = 64
_TIOCOUTQ: Final = 0x5411
_F_ADD_SEALS: Final = 1033
_ALL_SEALS: Final = 0xF  # seal, shrink, grow, write: journald takes no other memory


class Link(Protocol):
    """One connection, non-blocking. `wants` are the events that it waits for after BlockingIOError."""

    fd: int
    wants: int

    def send(self, frames: deque[bytes]) -> None:
        """Takes frames from the front as it sends them. Raises BlockingIOError, or OSError when the link is broken."""

    def receive(self) -> bytes:
        """What the receiver says; b"" at its end. Raises as send() does."""

    def has_arrived(self) -> bool:
        """Whether close() takes nothing back of what was sent."""

    def close(self) -> None: ...


class StreamLink:
    """Frames one after the other in a stream of bytes."""

    def __init__(self, connection: Any) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._sent = 0  # of the first frame
        self.fd: int = connection.fileno()
        self.wants = READ | WRITE

    def send(self, frames: deque[bytes]) -> None:
        while frames:
            first = memoryview(frames[0])[self._sent :]
            rest = [frames[number] for number in range(1, min(len(frames), _AT_ONCE))]
            self._sent += self._write([first, *rest])
            while frames and self._sent >= len(frames[0]):
                self._sent -= len(frames.popleft())

    def _write(self, views: list[Any]) -> int:
        sent: int = self._socket.sendmsg(views, (), _socket.MSG_NOSIGNAL)
        return sent

    def receive(self) -> bytes:
        data: bytes = self._socket.recv(1 << 12)
        return data

    def has_arrived(self) -> bool:
        # With words of the receiver unread, such as tickets of TLS, the kernel resets the connection at its end, and
        # forgets what the other kernel has not acknowledged.
        if self._socket.family == _socket.AF_UNIX:
            return True
        return int.from_bytes(fcntl.ioctl(self.fd, _TIOCOUTQ, bytes(4)), sys.byteorder) == 0

    def close(self) -> None:
        self._socket.close()


class DatagramLink:
    """Each frame in a datagram."""

    def __init__(self, connection: _socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self.fd = connection.fileno()
        self.wants = WRITE

    def send(self, frames: deque[bytes]) -> None:
        while frames:
            try:
                self._socket.send(frames[0], _socket.MSG_NOSIGNAL)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    self._send_large(frames[0])
                elif error.errno == errno.ECONNREFUSED and self._socket.family != _socket.AF_UNIX:
                    continue  # what came back for an earlier datagram; this one has not been sent
                else:
                    raise
            frames.popleft()

    def _send_large(self, frame: bytes) -> None:
        """No datagram is as large: it is lost, as it is with dockerd."""

    def receive(self) -> bytes:
        return self._socket.recv(1 << 12)

    def has_arrived(self) -> bool:
        return True

    def close(self) -> None:
        self._socket.close()


class JournalLink(DatagramLink):
    """What is too large for a datagram goes to journald as sealed memory."""

    def _send_large(self, frame: bytes) -> None:
        memory = os.memfd_create("wharf-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            view = memoryview(frame)
            while len(view):
                view = view[os.write(memory, view) :]
            fcntl.fcntl(memory, _F_ADD_SEALS, _ALL_SEALS)
            rights = array.array("i", [memory])
            self._socket.sendmsg([], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)], _socket.MSG_NOSIGNAL)
        finally:
            os.close(memory)
