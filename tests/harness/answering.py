"""Servers in several network namespaces that tell each client who it is, and who has answered."""

import selectors
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from wharf.linux.namespaces import inside_network


def _opened(namespace: Path, kind: socket.SocketKind, port: int) -> socket.socket:
    """Bound to all addresses of both versions of IP."""
    with namespace.open() as kept, inside_network(kept.fileno()):
        made = socket.socket(socket.AF_INET6, kind)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("::", port))
    if kind is socket.SOCK_STREAM:
        made.listen(64)
    return made


class Answering:
    """Answers by TCP and UDP with `name client` until it is left, in a thread of its own."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._end, self._ended = socket.socketpair()
        self._selector.register(self._ended, selectors.EVENT_READ, "")
        self._thread = threading.Thread(target=self._serve, name="answering")
        self._stack = ExitStack()
        self.heard: list[tuple[str, str]] = []  # who has heard a datagram from whom

    def add(self, name: str, namespace: Path, *ports: int) -> None:
        """Before it is entered."""
        for port in ports:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                made = self._stack.enter_context(_opened(namespace, kind, port))
                self._selector.register(made, selectors.EVENT_READ, name)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if not key.data:
                    return
                assert isinstance(key.fileobj, socket.socket)
                self._answer(key.data, key.fileobj)

    def _answer(self, name: str, server: socket.socket) -> None:
        try:
            if server.type is socket.SOCK_STREAM:
                connection, peer = server.accept()
                with connection:
                    connection.sendall(f"{name} {_plain(peer[0])}".encode())
            else:
                _, peer = server.recvfrom(100)
                self.heard.append((name, _plain(peer[0])))
                server.sendto(f"{name} {_plain(peer[0])}".encode(), peer)
        except OSError:
            pass  # a client that has gone, or an address that does not exist

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end.close()
        self._thread.join()
        self._ended.close()
        self._selector.close()
        self._stack.close()


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:")


def answer(client: Path, address: str, port: int, *, udp: bool = False, patience: float = 0.5) -> str:
    """What a client in a network namespace is answered at an address; "" when it is not."""
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with client.open() as kept, inside_network(kept.fileno()):
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    with made:
        made.settimeout(patience)
        try:
            made.connect((address, port))
            if udp:
                made.send(b"who?")
            return made.recv(100).decode()
        except OSError:
            return ""
