"""rtnetlink by hand: the few messages that a container's start needs, on a socket that stays open.

Numbers are the kernel's (linux/rtnetlink.h, linux/if_link.h, linux/netlink.h).
"""

import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, Self

NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP: Final = 0x300
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400

_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK = 16, 17, 18
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_RTM_NEWROUTE: Final = 24
_RTM_GETROUTE: Final = 26

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER = 1, 3, 4, 10
_IFLA_LINKINFO, _IFLA_NET_NS_FD = 18, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_VETH_INFO_PEER: Final = 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST = 1, 2, 4
_RTA_DST, _RTA_GATEWAY = 1, 5
_IFF_UP: Final = 0x1
_RT_TABLE_MAIN, _RTPROT_BOOT, _RTN_UNICAST = 254, 3, 1

_HEADER: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")  # struct ifinfomsg
_ADDRESS: Final = struct.Struct("=BBBBI")  # struct ifaddrmsg
_ROUTE: Final = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_LARGEST: Final = 1 << 16


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes that fill `data`: kind and value."""
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            return
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3 :]


def mac_bytes(text: str) -> bytes:
    """The six bytes of `02:42:ac:11:00:02`. Raises ValueError."""
    parts = bytes(int(part, 16) for part in text.split(":"))
    if len(parts) != 6:
        raise ValueError(f"not a MAC address: {text!r}")
    return parts


class Route:
    """An rtnetlink socket of the network namespace in which it was opened. Calls block for microseconds.

    Each raises OSError with the kernel's errno.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def _message(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        return _HEADER.pack(_HEADER.size + len(body), kind, flags | NLM_F_REQUEST, self._sequence, 0) + body

    def _send(self, *messages: bytes) -> None:
        """Sends all at once and waits for as many acknowledgements. Raises for the first that failed."""
        self._socket.send(b"".join(messages))
        failed: OSError | None = None
        awaited = len(messages)
        while awaited:
            for kind, body in self._receive():
                if kind == _NLMSG_ERROR:
                    awaited -= 1
                    number = -struct.unpack_from("=i", body)[0]
                    if number and failed is None:
                        failed = OSError(number, os.strerror(number))
        if failed is not None:
            raise failed

    def _receive(self) -> Iterator[tuple[int, bytes]]:
        data = self._socket.recv(_LARGEST)
        while len(data) >= _HEADER.size:
            length, kind, _, _, _ = _HEADER.unpack_from(data)
            yield kind, data[_HEADER.size : length]
            data = data[(length + 3) & ~3 :]

    def _dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        self._socket.send(self._message(kind, NLM_F_DUMP, body))
        while True:
            for answer, content in self._receive():
                if answer == _NLMSG_DONE:
                    return
                if answer == _NLMSG_ERROR:
                    number = -struct.unpack_from("=i", content)[0]
                    raise OSError(number, os.strerror(number))
                yield content

    # ── links ──

    def links(self) -> dict[str, tuple[int, int]]:
        """All interfaces: name → index, and the index of the bridge it belongs to (0 for none)."""
        found = {}
        for body in self._dump(_RTM_GETLINK, _LINK.pack(0, 0, 0, 0, 0)):
            values = dict(attributes(body[_LINK.size :]))
            name = values[_IFLA_IFNAME].rstrip(b"\0").decode(errors="replace")
            master = struct.unpack("=I", values[_IFLA_MASTER])[0] if _IFLA_MASTER in values else 0
            found[name] = (_LINK.unpack_from(body)[2], master)
        return found

    def add_bridge(self, name: str, mac: str = "") -> None:
        information = _attribute(_IFLA_LINKINFO, _text(_IFLA_INFO_KIND, "bridge"))
        address = _attribute(_IFLA_ADDRESS, mac_bytes(mac)) if mac else b""
        body = _LINK.pack(0, 0, 0, 0, 0) + _text(_IFLA_IFNAME, name) + address + information
        self._send(self._message(_RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body))

    def add_veth(self, name: str, *, bridge: int, peer: str, peer_namespace: int, peer_mac: str, mtu: int = 0) -> None:
        """A veth pair: `name` is a port of the bridge and up, `peer` is in the namespace that the descriptor names."""
        size = _number(_IFLA_MTU, mtu) if mtu else b""
        inner = (
            _LINK.pack(0, 0, 0, 0, 0)
            + _text(_IFLA_IFNAME, peer)
            + _attribute(_IFLA_ADDRESS, mac_bytes(peer_mac))
            + size
            + _number(_IFLA_NET_NS_FD, peer_namespace)
        )
        data = _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, inner))
        information = _attribute(_IFLA_LINKINFO, _text(_IFLA_INFO_KIND, "veth") + data)
        body = (
            _LINK.pack(0, 0, 0, _IFF_UP, _IFF_UP)
            + _text(_IFLA_IFNAME, name)
            + size
            + _number(_IFLA_MASTER, bridge)
            + information
        )
        self._send(self._message(_RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body))

    def set_up(self, index: int, mtu: int = 0) -> None:
        size = _number(_IFLA_MTU, mtu) if mtu else b""
        body = _LINK.pack(0, 0, index, _IFF_UP, _IFF_UP) + size
        self._send(self._message(_RTM_NEWLINK, NLM_F_ACK, body))

    def delete_link(self, index: int) -> None:
        """Slow for a veth (tens of milliseconds): dropping its namespace is the quick way."""
        self._send(self._message(_RTM_DELLINK, NLM_F_ACK, _LINK.pack(0, 0, index, 0, 0)))

    # ── addresses and routes ──

    def addresses(self, index: int = 0) -> list[IPv4Interface]:
        """The IPv4 addresses of one interface, or of all."""
        found = []
        for body in self._dump(_RTM_GETADDR, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0)):
            family, length, _, _, owner = _ADDRESS.unpack_from(body)
            values = dict(attributes(body[_ADDRESS.size :]))
            local = values.get(_IFA_LOCAL) or values.get(_IFA_ADDRESS)
            if family == socket.AF_INET and local and index in (0, owner):
                found.append(IPv4Interface((local, length)))
        return found

    def routes(self) -> list[IPv4Interface]:
        """The destinations of the main table's IPv4 routes, without the default route."""
        found = []
        for body in self._dump(_RTM_GETROUTE, _ROUTE.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)):
            family, length, _, _, table, *_ = _ROUTE.unpack_from(body)
            destination = dict(attributes(body[_ROUTE.size :])).get(_RTA_DST)
            if family == socket.AF_INET and table == _RT_TABLE_MAIN and destination:
                found.append(IPv4Interface((destination, length)))
        return found

    def _address_message(self, index: int, address: IPv4Interface) -> bytes:
        body = (
            _ADDRESS.pack(socket.AF_INET, address.network.prefixlen, 0, 0, index)
            + _attribute(_IFA_LOCAL, address.ip.packed)
            + _attribute(_IFA_ADDRESS, address.ip.packed)
            + _attribute(_IFA_BROADCAST, address.network.broadcast_address.packed)
        )
        return self._message(_RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)

    def add_address(self, index: int, address: IPv4Interface) -> None:
        self._send(self._address_message(index, address))

    def configure(self, index: int, address: IPv4Interface, gateway: IPv4Address) -> None:
        """In a new namespace: loopback up, and the interface with its address and the default route; one system call."""
        up = _LINK.pack(0, 0, index, _IFF_UP, _IFF_UP)
        loopback = _LINK.pack(0, 0, 1, _IFF_UP, _IFF_UP)  # lo is the first interface of every namespace
        route = _ROUTE.pack(socket.AF_INET, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, 0, _RTN_UNICAST, 0)
        self._send(
            self._message(_RTM_NEWLINK, NLM_F_ACK, loopback),
            self._address_message(index, address),
            self._message(_RTM_NEWLINK, NLM_F_ACK, up),
            self._message(
                _RTM_NEWROUTE,
                NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                route + _attribute(_RTA_GATEWAY, gateway.packed),
            ),
        )
