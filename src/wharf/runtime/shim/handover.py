# No pathlib: the spawner loads this, and its memory is that of all shims.
"""How what the starter of a container holds goes to its shim: one value and many descriptors.

`launch` is what is left of it; `state` the message that tells wharfd of the start. The descriptors are in this order:
one for each of `roles`, one for each of `listeners` (published ports), one for each of `attached` (the streams that a
client wants), and the rest are connections that have not said yet what they want. `pending` and `rest` are messages,
and the beginning of one, that wharfd sent after it had asked for the start.
"""

import _socket
import array
import marshal  # between two forks of one process, so its format needs no promise
from typing import Any, Final

from wharf.runtime import wire

#: A launch is smaller, see the spawner.
_LONGEST: Final = 1 << 18


def send(to: _socket.socket, value: dict[str, Any], fds: list[int]) -> None:
    """Hands over. `to` keeps packets apart."""
    to.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _LONGEST)
    value["descriptors"] = len(fds)
    first, rest = fds[: wire.MOST_DESCRIPTORS], fds[wire.MOST_DESCRIPTORS :]
    _send(to, marshal.dumps(value), first)
    while rest:
        first, rest = rest[: wire.MOST_DESCRIPTORS], rest[wire.MOST_DESCRIPTORS :]
        _send(to, b"+", first)


def _send(to: _socket.socket, data: bytes, fds: list[int]) -> None:
    to.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", fds))], _socket.MSG_NOSIGNAL)


def receive(source: _socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Waits for what the starter hands over; None when it ends without."""
    data, fds = _receive(source)
    if not data:
        return None
    value: dict[str, Any] = marshal.loads(data)
    while len(fds) < value["descriptors"]:
        data, more = _receive(source)
        if not data:
            return None
        fds += more
    return value, fds


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
