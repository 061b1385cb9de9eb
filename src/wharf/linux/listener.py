"""Sockets that one process opens and another keeps."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that the shim holds while the container lives, so that its port stays reserved when wharfd dies.

    With a `target`, the shim also forwards what arrives there (loopback IPv6, where the kernel cannot).
    """

    socket: socket.socket  # bound; with a target and TCP also listening
    protocol: str  # "tcp" or "udp"
    target: tuple[str, int] | None = None
