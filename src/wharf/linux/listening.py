"""Who listens on a port, read from /proc/PID/net (proc(5)) of a process in the network namespace in question."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: TCP_LISTEN, and for UDP the state of a socket that has no peer (TCP_CLOSE).
_STATES: Final = {"tcp": "0A", "udp": "07"}


def listeners(pid: int, protocol: str, port: int) -> frozenset[str]:
    """The addresses on which something listens on a port; none for a process that has gone. Raises nothing."""
    found: set[str] = set()
    for name in (protocol, f"{protocol}6"):
        try:
            found.update(parse(Path(f"/proc/{pid}/net/{name}").read_text(), _STATES.get(protocol, ""), port))
        except OSError:
            continue
    return frozenset(found)


def parse(table: str, state: str, port: int) -> Iterator[str]:
    """The local addresses of a table's sockets that are in this state and have this port."""
    for line in table.splitlines()[1:]:
        words = line.split()
        address, _, number = words[1].partition(":")
        if words[3] == state and int(number, 16) == port:
            yield _address(address)


def _address(text: str) -> str:
    """The kernel writes each four bytes as one number of this machine."""
    data = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)
