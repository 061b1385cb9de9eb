"""Published ports that the shim serves itself: where the kernel's address translation does not reach."""

import _socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from wharf.runtime import wire
from wharf.runtime.shim import towards
from wharf.runtime.shim.loop import GONE, READ, WRITE, Loop

_CHUNK: Final = 1 << 16
_MOST_UDP_PEERS: Final = 256
_BACKLOG: Final = 511
_NOWHERE: Final = ("", 0)
#: What goes with a datagram: level, kind, and bytes.
_Told = tuple[int, int, bytes]
_TOLD_SPACE: Final = _socket.CMSG_SPACE(20)  # of the larger pktinfo, IPv6's


class Forwarder:
    """Holds a listening socket. Without a target that is all: the port stays taken while the container lives."""

    def __init__(self, listener: _socket.socket, target: tuple[str, int] = _NOWHERE, network: str = "") -> None:
        self._listener = listener
        self._target = target
        self._network = network

    @property
    def name(self) -> tuple[str, str, int]:
        """Protocol, address and port of the socket."""
        address, port, *_ = self._listener.getsockname()
        return "udp" if self._listener.type == _socket.SOCK_DGRAM else "tcp", address, port

    def lead(self, how: dict[str, Any]) -> bool:
        """Does from now on what a Redirection asks for; False where only another forwarder can."""
        target = target_of(how)
        if bool(target[0]) != bool(self._target[0]):
            return False
        self._target, self._network = target, how["network"]
        return True

    def give_up(self) -> _socket.socket:
        """Ends, and gives the socket back, which still keeps the port."""
        kept = _socket.socket(fileno=_socket.dup(self._listener.fileno()))
        self.close()
        return kept

    def close(self) -> None:
        self._listener.close()


def forward(loop: Loop, listener: _socket.socket, how: dict[str, Any]) -> Forwarder:
    """The forwarder of one Listener. Takes the socket over."""
    if not (target := target_of(how))[0]:
        return Forwarder(listener)
    kind = UdpForwarder if how["protocol"] == "udp" else TcpForwarder
    return kind(loop, listener, target, how["network"])


def redirected(loop: Loop, forwarder: Forwarder, how: dict[str, Any]) -> Forwarder:
    """The forwarder that does what a Redirection asks for in the place of this one."""
    if forwarder.lead(how):
        return forwarder
    protocol, listener = forwarder.name[0], forwarder.give_up()
    try:
        if protocol == "tcp":
            # Who only keeps a port does not listen: a connection would wait for ever.
            listener.listen(_BACKLOG) if how["target"] else listener.shutdown(_socket.SHUT_RDWR)
        return forward(loop, listener, {**how, "protocol": protocol})
    except OSError:
        return Forwarder(listener)  # the port is lost to clients, and the container goes on


def target_of(how: dict[str, Any]) -> tuple[str, int]:
    """Where a Listener or a Redirection leads."""
    return (how["target"][0], how["target"][1]) if how["target"] else _NOWHERE


class TcpForwarder(Forwarder):
    def __init__(self, loop: Loop, listener: _socket.socket, target: tuple[str, int], network: str) -> None:
        super().__init__(listener, target, network)
        self._loop = loop
        self._ends: set[End] = set()
        listener.setblocking(False)
        loop.watch(listener.fileno(), READ, self._accept)

    def _accept(self, _events: int) -> None:
        try:
            connection = wire.accept(self._listener)
        except OSError:
            return
        try:
            peer = connection.getpeername()[0]
            other = towards.socket_for(peer, self._target[0], _socket.SOCK_STREAM, self._network)
        except OSError:
            connection.close()  # it has gone already, or no descriptor is left
            return
        connection.setblocking(False)
        other.connect_ex(self._target)  # its result comes as an event
        one, two = End(self._loop, connection, self._closed), End(self._loop, other, self._closed)
        one.peer, two.peer = two, one
        two.connecting = True
        self._ends |= {one, two}
        one.watch()
        two.watch()

    def _closed(self, end: "End") -> None:
        self._ends.discard(end)

    def close(self) -> None:
        self._loop.forget(self._listener.fileno())
        super().close()
        for end in list(self._ends):
            end.close()


class End:
    """One side of a forwarded connection: reads when the other side has written all, writes what that has read."""

    peer: "End"

    def __init__(self, loop: Loop, connection: _socket.socket, when_closed: Callable[["End"], None]) -> None:
        self._loop = loop
        self._socket = connection
        self._when_closed = when_closed
        self._queue: deque[memoryview] = deque()
        self._reading = True
        self._shut = False
        self.connecting = False

    def watch(self) -> None:
        if self._socket.fileno() < 0:
            return
        events = WRITE if self._queue or self.connecting else 0
        if self._reading and not self.peer._queue and not self.connecting:
            events |= READ
        self._loop.watch(self._socket.fileno(), events, self._ready)

    def _ready(self, events: int) -> None:
        try:
            self._work(events)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            self.peer.close()

    def _work(self, events: int) -> None:
        if events & WRITE:
            self.connecting = False
            self._flush()
        if events & READ and self._reading:
            if data := self._socket.recv(_CHUNK):
                self.peer.put(data)
            else:
                self._reading = False
                self.peer.shut()
        elif events & GONE:
            raise ConnectionResetError
        if not self._reading and not self.peer._reading and not self._queue and not self.peer._queue:
            self.close()
            self.peer.close()
            return
        self.watch()
        self.peer.watch()

    def put(self, data: bytes) -> None:
        self._queue.append(memoryview(data))
        if not self.connecting:
            self._flush()

    def _flush(self) -> None:
        while self._queue:
            view = self._queue[0]
            try:
                sent = self._socket.send(view, _socket.MSG_NOSIGNAL)
            except BlockingIOError:
                break
            if sent < len(view):
                self._queue[0] = view[sent:]
                break
            self._queue.popleft()
        if self._shut and not self._queue:
            self._socket.shutdown(_socket.SHUT_WR)

    def shut(self) -> None:
        """The other side sends no more."""
        self._shut = True
        if not self.connecting:
            self._flush()

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._queue.clear()
            self._when_closed(self)


class UdpForwarder(Forwarder):
    """One socket towards the container for each peer; the least used goes when there are too many.

    A peer is an address that asks and one of the host's that is asked: answers come from there, or would be dropped.
    """

    def __init__(self, loop: Loop, listener: _socket.socket, target: tuple[str, int], network: str) -> None:
        super().__init__(listener, target, network)
        self._loop = loop
        self._peers: dict[Any, _socket.socket] = {}  # least recently used first
        listener.setblocking(False)
        loop.watch(listener.fileno(), READ, self._from_peer)

    def lead(self, how: dict[str, Any]) -> bool:
        if (target_of(how), how["network"]) != (self._target, self._network):
            for peer in list(self._peers):
                self._close_one(peer)
        return super().lead(how)

    def _from_peer(self, _events: int) -> None:
        try:
            data, told, _, address = self._listener.recvmsg(_CHUNK, _TOLD_SPACE)
            peer = (address, tuple(map(_answering, told)))
            own = self._peers.pop(peer, None) or self._open(peer)
            self._peers[peer] = own
            own.send(data)
        except OSError:
            return  # a datagram may be lost

    def _open(self, peer: tuple[Any, tuple[_Told, ...]]) -> _socket.socket:
        if len(self._peers) >= _MOST_UDP_PEERS:
            self._close_one(next(iter(self._peers)))
        address, told = peer
        own = towards.socket_for(address[0], self._target[0], _socket.SOCK_DGRAM, self._network)
        own.connect(self._target)

        def answer(_events: int) -> None:
            try:
                self._listener.sendmsg([own.recv(_CHUNK)], told, 0, address)
            except OSError:
                return

        self._loop.watch(own.fileno(), READ, answer)
        return own

    def _close_one(self, peer: Any) -> None:
        own = self._peers.pop(peer)
        self._loop.forget(own.fileno())
        own.close()

    def close(self) -> None:
        for peer in list(self._peers):
            self._close_one(peer)
        self._loop.forget(self._listener.fileno())
        super().close()


def _answering(told: _Told) -> _Told:
    """With an answer: from the address that a datagram came to. By which device it goes, routes say."""
    level, kind, data = told
    return level, kind, data[:16] + bytes(4) if level == _socket.IPPROTO_IPV6 else bytes(4) + data[4:8] + bytes(4)
