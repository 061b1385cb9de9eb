"""Receivers of logs: small servers, whose sockets may be in another network namespace than ours."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from harness.engine import wait_until
from wharf.linux import syscall

T = TypeVar("T")
_LONGEST: Final = 1 << 20


def inside(namespace: Path | None, make: Callable[[], T]) -> T:
    """What `make` returns when it is called in a network namespace; its sockets stay there."""
    if namespace is None:
        return make()
    found: list[T] = []

    def work() -> None:
        fd = os.open(namespace, os.O_RDONLY)
        try:
            syscall.setns(fd, syscall.CLONE_NEWNET)  # this thread only
        finally:
            os.close(fd)
        found.append(make())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found, f"cannot work in {namespace}"
    return found[0]


class Receiver:
    """What comes, in the order it comes. A context manager; ends with all its connections."""

    def __init__(self) -> None:
        self._over = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        self._over = True
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class Datagrams(Receiver):
    """UDP on 127.0.0.1, or a unix socket. Memory that comes as a descriptor counts as a datagram."""

    def __init__(self, namespace: Path | None = None, *, path: Path | None = None) -> None:
        super().__init__()
        self.got: list[bytes] = []
        self._socket = inside(namespace, lambda: _bind(path))
        self._socket.settimeout(0.1)
        self._sockets.append(self._socket)
        self.port = 0 if path is not None else int(self._socket.getsockname()[1])
        self._begin(self._receive)

    def _receive(self) -> None:
        while not self._over:
            try:
                data, control, _, _ = self._socket.recvmsg(_LONGEST, socket.CMSG_SPACE(4))
            except TimeoutError:
                continue
            except OSError:
                return
            if control:
                memory = int.from_bytes(control[0][2][:4], "little")
                data = os.pread(memory, 1 << 24, 0)
                os.close(memory)
            self.got.append(data)

    def wait_for(self, count: int) -> list[bytes]:
        wait_until(lambda: len(self.got) >= count, f"{count} datagrams; got {self.got}")
        return self.got


def _bind(path: Path | None) -> socket.socket:
    made = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0) if path is None else str(path))
    return made


class Streams(Receiver):
    """TCP on 127.0.0.1, or a unix socket. `answer` is asked for a reply to what came, `wrap` for TLS."""

    def __init__(
        self,
        namespace: Path | None = None,
        *,
        path: Path | None = None,
        port: int = 0,
        answer: Callable[[bytes], bytes] = lambda data: b"",
        wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection,
    ) -> None:
        super().__init__()
        self.got: list[bytearray] = []  # of each connection
        self.reading = threading.Event()  # cleared, nothing is taken any more
        self.reading.set()
        self._answer = answer
        self._wrap = wrap
        self._listener = inside(namespace, lambda: _listen(path, port))
        self._listener.settimeout(0.1)
        self._sockets.append(self._listener)
        self.port = 0 if path is not None else int(self._listener.getsockname()[1])
        self._begin(self._accept)

    @property
    def all(self) -> bytes:
        return b"".join(bytes(one) for one in self.got)

    def _accept(self) -> None:
        while not self._over:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            connection.settimeout(30)
            try:
                connection = self._wrap(connection)
            except OSError:
                continue  # no handshake
            connection.settimeout(0.1)
            self._sockets.append(connection)
            self.got.append(bytearray())
            self._begin(self._reader(connection, self.got[-1]))

    def _reader(self, connection: socket.socket, got: bytearray) -> Callable[[], None]:
        def read() -> None:
            while not self._over:
                if not self.reading.wait(0.1):
                    continue
                try:
                    data = connection.recv(_LONGEST)
                    if not data:
                        return
                    got.extend(data)
                    if reply := self._answer(data):
                        connection.sendall(reply)
                except TimeoutError:
                    continue
                except OSError:
                    return

        return read

    def wait_for(self, text: bytes) -> bytes:
        wait_until(lambda: text in self.all, f"{text!r} in {self.all[-300:]!r}")
        return self.all


def _listen(path: Path | None, port: int) -> socket.socket:
    if path is None:
        return socket.create_server(("127.0.0.1", port))
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    made.listen(8)
    return made
