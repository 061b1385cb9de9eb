"""Whether the client is still there."""

import select
import socket
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
