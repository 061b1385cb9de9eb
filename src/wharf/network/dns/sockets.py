"""The resolver's sockets inside a container's network namespace, and the rules that lead port 53 to them."""

import logging
import os
import socket
from dataclasses import dataclass
from typing import Final

from wharf.linux import links, netlink, nfnetlink
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import Later, RouteSocket

log = logging.getLogger(__name__)

Ports = tuple[int, int]  # by UDP and by TCP
ADDRESS: Final = "127.0.0.11"
PORT: Final = 53
_TABLE, _CHAIN = "wharf_dns", "asking"
_BEFORE_OTHERS: Final = -100  # where translations of the target usually are
_RULES: Final = 2
_BACKLOG: Final = 64


@dataclass(frozen=True, slots=True)
class Sockets:
    datagrams: socket.socket
    connections: socket.socket
    namespace: int  # of ours, the container's

    @property
    def ports(self) -> Ports:
        """Where the rules lead to."""
        return self.datagrams.getsockname()[1], self.connections.getsockname()[1]

    def close(self) -> None:
        if self.datagrams.fileno() >= 0:  # a second time the number may be another's
            os.close(self.namespace)
        self.datagrams.close()
        self.connections.close()


def _redirect(made: Sockets, later: Later, *, again: bool) -> None:
    """Leads queries to these sockets, instead of those of an earlier wharfd. Raises OSError."""
    address = socket.inet_aton(ADDRESS)
    ends = zip((socket.IPPROTO_UDP, socket.IPPROTO_TCP), made.ports, strict=True)
    rules = [nfnetlink.translation(_TABLE, _CHAIN, protocol, address, PORT, port) for protocol, port in ends]
    table = [nfnetlink.new_table(_TABLE), nfnetlink.translating_chain(_TABLE, _CHAIN, _BEFORE_OTHERS), *rules]
    other = [nfnetlink.empty_chain(_TABLE, _CHAIN), *rules]
    ways = [other, table] if again else [table, other]
    # The last is for a container that has made something else of the table. What the kernel refuses takes 15 ms.
    for way in (*ways, [nfnetlink.delete_table(_TABLE), *table]):
        try:
            return nfnetlink.transact(way, later)
        except OSError as error:
            failure = error
    raise failure


def open_sockets(namespace: int, later: Later, *, again: bool = False, ports: Ports | None = None) -> Sockets:
    """Not port 53 itself, which the container may want for all of its addresses. Raises OSError.

    `again` where a wharfd before us has probably done it; its rules still lead to its `ports`, if these are known:
    unless somebody has taken them, or the rules away, that is all. `later` runs what takes long and is not waited for.
    """
    with inside_network(namespace):
        if again and ports is not None and _are_led_to(ports):
            try:
                return _bound(ports, namespace)
            except OSError:
                pass
        # The loopback is needed before any interface is connected.
        with RouteSocket() as routes:
            routes.request(links.set_up(netlink.LOOPBACK_INDEX))
        made = _bound((0, 0), namespace)
        try:
            _redirect(made, later, again=again)
        except OSError as error:
            made.close()
            log.warning("the resolver takes port 53 of the container", extra={"reason": str(error)})
            made = _bound((PORT, PORT), namespace)
    return made


def _are_led_to(ports: Ports) -> bool:
    """Whether queries still come to these: the container may have flushed all rules. Raises OSError."""
    return ports == (PORT, PORT) or nfnetlink.count_rules(_TABLE, _CHAIN) == _RULES


def _bound(ports: Ports, namespace: int) -> Sockets:
    flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | flags)
    connections = socket.socket(socket.AF_INET, socket.SOCK_STREAM | flags)
    made = Sockets(datagrams, connections, os.dup(namespace))
    try:
        connections.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for one, port in zip((datagrams, connections), ports, strict=True):
            one.bind((ADDRESS, port))
        connections.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
