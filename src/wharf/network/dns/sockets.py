"""The resolver's sockets inside a container's network namespace, and the rules that lead port 53 to them."""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wharf.linux import links, netlink
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket
from wharf.linux.nftables import Nftables, NftablesError

log = logging.getLogger(__name__)

ADDRESS: Final = "127.0.0.11"
PORT: Final = 53
_TABLE: Final = "ip wharf_dns"
_BACKLOG: Final = 64


@dataclass(frozen=True, slots=True)
class Sockets:
    datagrams: socket.socket
    connections: socket.socket
    namespace: int  # of ours, the container's

    def close(self) -> None:
        if self.datagrams.fileno() >= 0:  # a second time the number may be another's
            os.close(self.namespace)
        self.datagrams.close()
        self.connections.close()


def rules(datagrams: int, connections: int) -> str:
    """nft commands that lead queries to these ports of 127.0.0.11, instead of those of an earlier wharfd."""
    return f"""add table {_TABLE}
delete table {_TABLE}
table {_TABLE} {{
    chain asking {{
        type nat hook output priority -100; policy accept;
        ip daddr {ADDRESS} udp dport {PORT} dnat to {ADDRESS}:{datagrams}
        ip daddr {ADDRESS} tcp dport {PORT} dnat to {ADDRESS}:{connections}
    }}
}}
"""


def open_sockets(namespace: int, later: Callable[[Callable[[], None]], None]) -> Sockets:
    """Not port 53 itself, which the container may want for all of its addresses. Raises OSError.

    `later` runs what takes long and is not waited for: closing a context of nftables (15 ms).
    """
    with inside_network(namespace):
        # The loopback is needed before any interface is connected.
        with RouteSocket() as routes:
            routes.request(links.set_up(netlink.LOOPBACK_INDEX))
        made = _bound(0, namespace)
        try:
            nftables = Nftables()
            later(nftables.close)
            nftables.run(rules(made.datagrams.getsockname()[1], made.connections.getsockname()[1]))
        except NftablesError as error:
            made.close()
            log.warning("the resolver takes port 53 of the container", extra={"reason": str(error)})
            made = _bound(PORT, namespace)
    return made


def _bound(port: int, namespace: int) -> Sockets:
    flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | flags)
    connections = socket.socket(socket.AF_INET, socket.SOCK_STREAM | flags)
    made = Sockets(datagrams, connections, os.dup(namespace))
    try:
        connections.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for one in (datagrams, connections):
            one.bind((ADDRESS, port))
        connections.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
