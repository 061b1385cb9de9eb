"""Messages on their way to a receiver: what waits, what is under way, and what happens when the receiver is not there.

A receiver that is slow holds back the container, unless its log is "non-blocking"; one that has gone never does. It is
looked for again by a child (see connecting), and what does not fit into the queue meanwhile is lost and counted.
"""

import _socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from wharf.runtime.shim.loop import READ, Loop
from wharf.runtime.shim.remote.connecting import Attempts
from wharf.runtime.shim.remote.links import DatagramLink, JournalLink, Link, StreamLink
from wharf.runtime.shim.remote.messages import Encoder, Message

#: Messages that are made into frames at a time.
_BATCH: Final = 64
#: A link that breaks before this is not made again at once.
_SHORT_LIFE: Final = 1.0


def open_link(connection: _socket.socket, where: Mapping[str, Any]) -> Link:
    """The kind of link that the receiver needs."""
    if where["network"] == "tls":
        from wharf.runtime.shim.remote.tls import TlsLink

        return TlsLink(connection, where)
    if connection.type & _socket.SOCK_DGRAM and not connection.type & _socket.SOCK_STREAM:
        return JournalLink(connection) if where["driver"] == "journald" else DatagramLink(connection)
    return StreamLink(connection)


class Sender:
    """The queue to one receiver. `when_room` is told when it can take more than it could before."""

    def __init__(
        self, loop: Loop, encoder: Encoder, where: Mapping[str, Any], when_room: Callable[[], None] = lambda: None
    ) -> None:
        """`where`, besides what connect() needs: `driver`, `retry`, `room` (bytes), `most` messages, `drops`,

        and `renew`, the seconds after which a connection is made anew; 0 is never.
        """
        self._loop = loop
        self._encoder = encoder
        self._where = where
        self.when_room = when_room
        self._waiting: deque[Message] = deque()
        self._cost = 0
        self._frames: deque[bytes] = deque()
        self._unconfirmed: list[bytes] = []  # frames that the receiver has not acknowledged
        self._said = b""  # what came since then
        self._link: Link | None = None
        self._linked = 0.0  # time.monotonic()
        self._pause = 0.0  # before the next attempt
        self._attempts: Attempts | None = None
        self._flushing = False
        self.lost = 0

    @property
    def is_full(self) -> bool:
        """Whether the container should wait: the receiver is there, but slow."""
        return self._link is not None and not self._where["drops"] and self._is_beyond(0)

    @property
    def is_idle(self) -> bool:
        """Whether all has been sent, and arrived."""
        return not self._has_more and (self._link is None or self._link.has_arrived())

    @property
    def _has_more(self) -> bool:
        return bool(self._waiting or self._frames or self._unconfirmed)

    def _is_beyond(self, cost: int) -> bool:
        most: int = self._where["most"]
        room: int = self._where["room"]
        return self._cost + cost > room or 0 < most <= len(self._waiting)

    def use(self, connection: _socket.socket) -> None:
        """Takes a connection that was made before."""
        try:
            self._link = open_link(connection, self._where)
        except (OSError, ValueError):  # TLS files that were there before: the next attempt may find them again
            connection.close()
            self._pause = _SHORT_LIFE
            self._connect()
            return
        self._linked = time.monotonic()
        self._watch(0)

    def put(self, message: Message) -> None:
        """Queues a message, or loses it where there is no room: the newest go, as with dockerd."""
        may_lose = self._link is None or self._where["drops"]
        if may_lose and self._waiting and self._is_beyond(message.cost):
            self.lost += len(message.line)
            return
        self._waiting.append(message)
        self._cost += message.cost

    def flush(self) -> None:
        """Sends what can be sent now."""
        if self._flushing:
            return  # when_room led back here
        self._flushing = True
        was_full = self.is_full
        try:
            self._send()
        finally:
            self._flushing = False
        if was_full and not self.is_full:
            self.when_room()

    def _send(self) -> None:
        if self._link is None:
            if self._attempts is None and self._waiting:
                self._connect()
            return
        if self._is_old() and not self._frames:
            self._linked = 0.0  # it is good: the next one may follow at once
            self._break()
            return
        try:
            while self._frames or self._encode():
                self._link.send(self._frames)
        except BlockingIOError:
            self._watch(self._link.wants)
            return
        except OSError:
            self._break()
            return
        self._watch(0)

    def _is_old(self) -> bool:
        renew = self._where["renew"]
        return bool(renew) and time.monotonic() - self._linked > renew and self._has_more

    def _encode(self) -> bool:
        """Makes the next frames; False when there are none, or a receipt is due first."""
        if self._unconfirmed:
            return False
        for _ in range(1 if self._encoder.receipts else _BATCH):
            if not self._waiting:
                break
            message = self._waiting.popleft()
            self._cost -= message.cost
            self._frames += self._encoder.encode(message)
        if self._encoder.receipts:
            self._unconfirmed = list(self._frames)
            self._said = b""
        return bool(self._frames or self._waiting)

    def _watch(self, events: int) -> None:
        """Waits for `events`, and on streams for the receiver's words or end too. A datagram's errors have no end."""
        assert self._link is not None
        if not isinstance(self._link, DatagramLink):
            self._loop.watch(self._link.fd, events | READ, self._ready)
        elif events:
            self._loop.watch(self._link.fd, events, self._ready)
        else:
            self._loop.forget(self._link.fd)

    def _ready(self, events: int) -> None:
        if events & READ and isinstance(self._link, StreamLink) and not self._listen():
            self._break()
            return
        self.flush()

    def _listen(self) -> bool:
        """Takes what the receiver says; False at its end."""
        assert self._link is not None
        try:
            said = self._link.receive()
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._said = (self._said + said)[-4096:]
        if self._unconfirmed and self._encoder.is_receipt(self._said):
            self._unconfirmed = []
        return bool(said)

    # ── when the receiver has gone ──

    def _break(self) -> None:
        assert self._link is not None
        self._loop.forget(self._link.fd)
        self._link.close()
        self._link = None
        lived = time.monotonic() - self._linked
        self._pause = 0.0 if lived > _SHORT_LIFE else max(_SHORT_LIFE, self._where["retry"]["wait"])
        # A receiver that has half a frame drops it, and what it has not acknowledged it gets again.
        if self._unconfirmed:
            self._frames = deque(self._unconfirmed)
        if self._has_more:
            self._connect()
        self.when_room()

    def _connect(self) -> None:
        try:
            self._attempts = Attempts(self._where, self._where["retry"], self._pause)
        except OSError:
            return  # no process, or no descriptor, to be had: the next message tries again
        self._loop.watch(self._attempts.fd, READ, self._attempted)

    def _attempted(self, _events: int) -> None:
        assert self._attempts is not None
        self._loop.forget(self._attempts.fd)
        connection = self._attempts.result()
        self._attempts = None
        if connection is not None:
            self.use(connection)
            self.flush()
            return
        # All attempts that were asked for have failed: what waited for them is lost, as with dockerd.
        self.lost += sum(map(len, self._frames)) + sum(len(message.line) for message in self._waiting)
        self._frames.clear()
        self._unconfirmed = []
        self._waiting.clear()
        self._cost = 0
