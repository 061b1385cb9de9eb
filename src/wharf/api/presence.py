"""Whether the client is still there, and takes what it is sent."""

import fcntl
import select
import socket
import struct
import termios
from typing import Final

#: Idle seconds before the first probe, seconds between probes, probes without an answer.
_KEEP_ALIVE: Final = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 9}


def notice_dead_peers(sock: socket.socket) -> None:
    """A client behind a cut cable says no goodbye; its attachments and waits would stay for ever. For TCP only."""
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def hung_up(sock: socket.socket | None, *, streaming: bool) -> bool:
    """Whether a client that sends no more does not read either. `streaming`: it waits for pieces of a stream.

    A unix socket tells a half-close from a hang-up. TCP shows them alike; there only who waits for a stream counts as
    gone: such a client keeps its side open (Go's server, too, ends its requests), others get their answer.
    """
    if sock is None or sock.fileno() < 0:
        return True
    if sock.family != socket.AF_UNIX:
        return streaming
    poll = select.poll()
    poll.register(sock.fileno(), 0)
    return bool(poll.poll(0))


def has_taken(sock: socket.socket | None) -> bool | None:
    """Whether a client has taken all that was sent out of its socket; None where nobody can tell: TCP."""
    if sock is None or sock.family != socket.AF_UNIX:
        return None
    if sock.fileno() < 0:
        return True
    (waiting,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))
    return not waiting
