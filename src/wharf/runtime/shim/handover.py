# No pathlib: the spawner loads this, and its memory is that of all shims.
"""How what the starter of a container holds goes to its shim: one value and many descriptors.

`launch` is what is left of it; `state` the message that tells wharfd of the start. The descriptors are in this order:
one for each of `roles`, one for each of `listeners` (published ports), one for each of `attached` (the streams that a
client wants), and the rest are connections that have not said yet what they want. `pending` and `rest` are messages,
and the beginning of one, that wharfd sent after it had asked for the start.

On the way those descriptors come first that have something to tell: the shim waits for them before it looks at the
value, and has only to read `number of those NUL bundle NUL`, which stands before it.
"""

import _socket
import array
import marshal  # between two forks of one process, so its format needs no promise
import os
from typing import Any, Final

from wharf.runtime import wire

#: A launch is smaller, see the spawner.
_LONGEST: Final = 1 << 18


class Taken:
    """What came, as it came."""

    def __init__(self, data: bytes, fds: list[int]) -> None:
        number, self.bundle, self._value = data.split(b"\0", 2)
        self._fds = fds
        self.telling = fds[: int(number)]  # none when there is something to do already

    def open(self) -> tuple[dict[str, Any], list[int]]:
        """The value, and the descriptors in its order."""
        value: dict[str, Any] = marshal.loads(self._value)
        return value, [self._fds[place] for place in value["places"]]


def send(to: _socket.socket, value: dict[str, Any], fds: list[int], silent: set[int]) -> None:
    """Hands over; `silent` are those of `fds` that have nothing to tell. `to` keeps packets apart."""
    order = [fd for fd in fds if fd not in silent]
    telling = 0 if value["pending"] else len(order)
    order += [fd for fd in fds if fd in silent]
    value["places"] = [order.index(fd) for fd in fds]
    to.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _LONGEST)
    data = b"%d\0%s\0%s" % (telling, os.fsencode(value["launch"]["bundle"]), marshal.dumps(value))
    while order:
        first, order = order[: wire.MOST_DESCRIPTORS], order[wire.MOST_DESCRIPTORS :]
        # Another packet follows as long as one is full.
        _send(to, data, first)
        data = b"+"
    if len(fds) % wire.MOST_DESCRIPTORS == 0:
        to.send(data, _socket.MSG_NOSIGNAL)


def _send(to: _socket.socket, data: bytes, fds: list[int]) -> None:
    to.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))], _socket.MSG_NOSIGNAL)


def receive(source: _socket.socket) -> Taken | None:
    """Waits for what the starter hands over; None when it ends without."""
    data, fds = _receive(source)
    if not data:
        return None
    last = len(fds)
    while last == wire.MOST_DESCRIPTORS:
        more, others = _receive(source)
        if not more:
            return None
        fds += others
        last = len(others)
    return Taken(data, fds)


def _receive(source: _socket.socket) -> tuple[bytes, list[int]]:
    space = _socket.CMSG_SPACE(wire.MOST_DESCRIPTORS * 4)
    data, control, _, _ = source.recvmsg(_LONGEST, space, _socket.MSG_CMSG_CLOEXEC)
    return data, memoryview(control[0][2]).cast("i").tolist() if control else []


def welcome(client: _socket.socket) -> bool:
    """Tells a client that it is attached; False when it has gone."""
    try:
        wire.send(client, {"event": "attached"})
    except OSError:
        return False
    return True


def wanted(message: dict[str, Any]) -> list[int]:
    """The numbers of the streams that an attachment asks for."""
    return [number for number, name in enumerate(("stdin", "stdout", "stderr")) if message[name]]
