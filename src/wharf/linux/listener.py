"""Sockets that one process opens and another keeps."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that the shim holds while the container lives, so that its port stays reserved when wharfd dies.

    With a `target`, the shim also forwards what arrives there: where the kernel cannot (from IPv6 to IPv4), or shall
    not, because the host's own rules for incoming packets are to decide. With a `network` (the target's), the
    container sees the addresses of clients.
    """

    socket: socket.socket  # bound; with a target and TCP also listening
    protocol: str  # "tcp" or "udp"
    target: tuple[str, int] | None = None
    network: str = ""  # "172.17.0.0/16"


@dataclass(frozen=True, slots=True)
class Redirection:
    """What the shim does from now on with what arrives at a socket that it holds; see Listener."""

    address: str  # of this host
    port: int
    protocol: str
    target: tuple[str, int] | None = None
    network: str = ""
