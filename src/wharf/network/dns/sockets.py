"""The resolver's sockets inside a container's network namespace, and the rules that lead port 53 to them."""

import logging
import os
import socket
from dataclasses import dataclass
from typing import Final

from wharf.linux import links, netlink, nfnetlink
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket

log = logging.getLogger(__name__)

ADDRESS: Final = "127.0.0.11"
PORT: Final = 53
_TABLE, _CHAIN = "wharf_dns", "asking"
_BEFORE_OTHERS: Final = -100  # where translations of the target usually are
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


def _redirect(datagrams: int, connections: int) -> None:
    """Leads queries to these ports of 127.0.0.11, instead of those of an earlier wharfd. Raises OSError."""
    address = socket.inet_aton(ADDRESS)
    ports = ((socket.IPPROTO_UDP, datagrams), (socket.IPPROTO_TCP, connections))
    table = [
        nfnetlink.new_table(_TABLE),
        nfnetlink.translating_chain(_TABLE, _CHAIN, _BEFORE_OTHERS),
        *(nfnetlink.translation(_TABLE, _CHAIN, protocol, address, PORT, port) for protocol, port in ports),
    ]
    try:
        nfnetlink.transact(table)
    except FileExistsError:
        nfnetlink.transact([nfnetlink.delete_table(_TABLE), *table])


def open_sockets(namespace: int) -> Sockets:
    """Not port 53 itself, which the container may want for all of its addresses. Raises OSError."""
    with inside_network(namespace):
        # The loopback is needed before any interface is connected.
        with RouteSocket() as routes:
            routes.request(links.set_up(netlink.LOOPBACK_INDEX))
        made = _bound(0, namespace)
        try:
            _redirect(made.datagrams.getsockname()[1], made.connections.getsockname()[1])
        except OSError as error:
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
