"""A router of IPv6 on the wire of a machine outside, which advertises a prefix and itself."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Network
from pathlib import Path

from harness.background import background
from wharf.linux.namespaces import inside_network

_SOLICITATION, _ADVERTISEMENT, _PREFIX = 133, 134, 3
_ALL_NODES, _ALL_ROUTERS = "ff02::1", "ff02::2"


@dataclass
class Router:
    """What it advertises can be changed at any time; it does so when it is asked, and by advertise()."""

    opened: socket.socket
    index: int
    prefix: str = "2001:db8:7::/64"
    lasts: int = 3600  # seconds; for the prefix
    asked: int = 0

    def advertise(self) -> None:
        network = IPv6Network(self.prefix)
        head = struct.pack("!BBHBBHII", _ADVERTISEMENT, 0, 0, 64, 0, 1800, 0, 0)
        # On-link, and for addresses of one's own.
        told = struct.pack("!BBBBIII", _PREFIX, 4, network.prefixlen, 0xC0, self.lasts, self.lasts, 0)
        self.opened.sendto(head + told + network.network_address.packed, (_ALL_NODES, 0, 0, self.index))


@contextmanager
def router(namespace: Path) -> Iterator[Router]:
    with namespace.open() as kept, inside_network(kept.fileno()):
        opened = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        index = socket.if_nametoindex("eth0")
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    group = socket.inet_pton(socket.AF_INET6, _ALL_ROUTERS) + struct.pack("=I", index)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    opened.settimeout(0.1)
    made = Router(opened, index)
    with opened, background(partial(_serve, made)):
        yield made


def _serve(router: Router, over: threading.Event) -> None:
    while not over.is_set():
        try:
            if router.opened.recv(2048)[0] == _SOLICITATION:
                router.asked += 1
                router.advertise()
        except TimeoutError:
            continue
