"""rtnetlink by hand: links, addresses and routes, over sockets that stay open (rtnetlink(7), netlink(7)).

By hand, because the messages of a container's start are few and a library costs three times their time and 24 MiB.
"""

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final, Self

from wharf.linux.namespaces import inside_network

NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_DUMP: Final = 0x300

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 10, 18
IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_NET_NS_FD = 20, 26, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED = 4, 33
IFLA_INET6_ADDR_GEN_MODE: Final = 8
IN6_ADDR_GEN_MODE_NONE: Final = 1
VETH_INFO_PEER: Final = 1
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
RTA_DST, RTA_OIF, RTA_GATEWAY = 1, 4, 5
IFF_UP: Final = 0x1

RT_TABLE_MAIN: Final = 254
RTPROT_BOOT: Final = 3
RT_SCOPE_UNIVERSE, RT_SCOPE_HOST = 0, 254
RTN_UNICAST: Final = 1

_NLA_TYPE_MASK: Final = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_SOL_NETLINK, _NETLINK_EXT_ACK, _NETLINK_CAP_ACK = 270, 11, 10
_HEADER: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBi")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
#: The kernel sends dumps in parts of at most 32 KiB (netlink_dump).
_PART: Final = 65536

LOOPBACK_INDEX: Final = 1  # in every network namespace


@dataclass(frozen=True, slots=True)
class Link:
    index: int
    name: str
    kind: str  # "bridge", "veth", ...; "" for hardware
    master: int  # index of the bridge it is a port of; 0 for none
    mtu: int
    alias: str
    up: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A request without its header: what rtnetlink is asked, acknowledged on its own."""

    type: int
    flags: int
    body: bytes


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def parse_attributes(data: bytes) -> dict[int, bytes]:
    """Values by type. The last of a type wins; what is cut off is left out."""
    found, at = {}, 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4 or at + size > len(data):
            break
        found[kind & _NLA_TYPE_MASK] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def parse_mac(address: str) -> bytes:
    """The six bytes of `02:42:ac:11:00:02`. Raises ValueError."""
    parts = bytes.fromhex(address.replace(":", "").replace("-", ""))
    if len(parts) != 6:
        raise ValueError(f"invalid MAC address: {address!r}")
    return parts


class RouteSocket:
    """A kept rtnetlink socket in one network namespace. For one thread at a time."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        # Errors come with the kernel's words, and without a copy of the request.
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._sequence = 0

    @classmethod
    def inside(cls, namespace: int) -> Self:
        """A socket in the network namespace of a descriptor."""
        with inside_network(namespace):
            return cls()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(self, *messages: Message) -> None:
        """Sends all in one go; the kernel does them in order, also those after one that fails.

        Raises the first failure as OSError.
        """
        first = self._sequence + 1
        parts = []
        for message in messages:
            self._sequence += 1
            parts.append(self._frame(message, NLM_F_REQUEST | NLM_F_ACK))
        self._socket.sendall(b"".join(parts))
        waiting = set(range(first, self._sequence + 1))
        failure: OSError | None = None
        while waiting:
            for kind, flags, sequence, body in self._receive():
                if kind != NLMSG_ERROR or sequence not in waiting:
                    continue
                waiting.discard(sequence)
                failure = failure or _failure(flags, body)
        if failure is not None:
            raise failure

    def dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        """The bodies of all answers to a dump request."""
        self._sequence += 1
        self._socket.sendall(self._frame(Message(kind, NLM_F_DUMP, body), NLM_F_REQUEST))
        while True:
            for answer, flags, sequence, content in list(self._receive()):
                if sequence != self._sequence:
                    continue
                if answer == NLMSG_DONE:
                    return
                if answer == NLMSG_ERROR:
                    raise _failure(flags, content) or OSError("netlink: unexpected acknowledgement")
                yield content

    def _frame(self, message: Message, flags: int) -> bytes:
        size = _HEADER.size + len(message.body)
        return _HEADER.pack(size, message.type, flags | message.flags, self._sequence, 0) + message.body

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        data, at = self._socket.recv(_PART), 0
        while at + _HEADER.size <= len(data):
            size, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
            yield kind, flags, sequence, data[at + _HEADER.size : at + size]
            at += (size + 3) & ~3

    def links(self) -> list[Link]:
        return [_parse_link(body) for body in self.dump(RTM_GETLINK, _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0))]

    def link(self, name: str) -> Link | None:
        return next((link for link in self.links() if link.name == name), None)

    def addresses(self) -> list[tuple[int, IPv4Interface]]:
        """All IPv4 addresses, each with the index of its link."""
        found = []
        for body in self.dump(RTM_GETADDR, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0)):
            _, length, _, _, index = _ADDRESS.unpack_from(body)
            attributes = parse_attributes(body[_ADDRESS.size :])
            address = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS)
            if address:
                found.append((index, IPv4Interface((address, length))))
        return found

    def routes(self) -> list[IPv4Network]:
        """The destinations of all IPv4 routes of the main table but the default ones."""
        found = []
        for body in self.dump(RTM_GETROUTE, _ROUTE.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)):
            _, length, _, _, table, *_ = _ROUTE.unpack_from(body)
            destination = parse_attributes(body[_ROUTE.size :]).get(RTA_DST)
            if destination and table == RT_TABLE_MAIN:
                found.append(IPv4Network((destination, length)))
        return found


def _failure(flags: int, body: bytes) -> OSError | None:
    """What an NLMSG_ERROR says; None when it is the acknowledgement of a success."""
    code = -struct.unpack_from("=i", body)[0]
    if code == 0:
        return None
    # With NETLINK_CAP_ACK the attributes follow the error number and the request's header.
    words = parse_attributes(body[4 + _HEADER.size :]).get(1, b"") if flags & 0x200 else b""
    return OSError(code, words.rstrip(b"\0").decode(errors="replace") or os.strerror(code))


def _parse_link(body: bytes) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(body)
    attributes = parse_attributes(body[_LINK.size :])
    info = parse_attributes(attributes.get(IFLA_LINKINFO, b""))

    def string(value: bytes) -> str:
        return value.rstrip(b"\0").decode(errors="replace")

    return Link(
        index=index,
        name=string(attributes.get(IFLA_IFNAME, b"")),
        kind=string(info.get(IFLA_INFO_KIND, b"")),
        master=struct.unpack("=I", attributes.get(IFLA_MASTER, bytes(4)))[0],
        mtu=struct.unpack("=I", attributes.get(IFLA_MTU, bytes(4)))[0],
        alias=string(attributes.get(IFLA_IFALIAS, b"")),
        up=bool(flags & IFF_UP),
    )


def new_bridge(name: str, mac_address: str, mtu: int = 0) -> Message:
    """A bridge that is up. Its MAC address is fixed, so that it does not change with the ports that join."""
    body = _LINK.pack(socket.AF_UNSPEC, 0, 0, IFF_UP, IFF_UP) + text(IFLA_IFNAME, name)
    body += attribute(IFLA_ADDRESS, parse_mac(mac_address)) + attribute(IFLA_LINKINFO, text(IFLA_INFO_KIND, "bridge"))
    if mtu:
        body += number(IFLA_MTU, mtu)
    return Message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def new_veth(name: str, bridge: int, namespace: int, peer: str, peer_mac: str, mtu: int = 0) -> Message:
    """A pair: the outer end is a port of the bridge and up, the peer is made in another namespace and still down."""
    size = number(IFLA_MTU, mtu) if mtu else b""
    inner = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + text(IFLA_IFNAME, peer)
    inner += attribute(IFLA_ADDRESS, parse_mac(peer_mac)) + number(IFLA_NET_NS_FD, namespace) + size
    info = text(IFLA_INFO_KIND, "veth") + attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, inner))
    body = _LINK.pack(socket.AF_UNSPEC, 0, 0, IFF_UP, IFF_UP) + text(IFLA_IFNAME, name)
    body += number(IFLA_MASTER, bridge) + size + attribute(IFLA_LINKINFO, info)
    return Message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def without_link_local(name: str) -> Message:
    """Keeps IPv6 from making an address of its own on the link. The kernel refuses it in the message that makes it."""
    no_ipv6 = attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([IN6_ADDR_GEN_MODE_NONE]))
    body = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + text(IFLA_IFNAME, name)
    return Message(RTM_NEWLINK, 0, body + attribute(IFLA_AF_SPEC, attribute(socket.AF_INET6, no_ipv6)))


def set_port(name: str, *, hairpin: bool, isolated: bool) -> Message:
    """A bridge's port: may a frame leave where it came from, and may it reach other isolated ports."""
    data = attribute(IFLA_BRPORT_MODE, bytes([hairpin])) + attribute(IFLA_BRPORT_ISOLATED, bytes([isolated]))
    info = text(IFLA_INFO_SLAVE_KIND, "bridge") + attribute(IFLA_INFO_SLAVE_DATA, data)
    body = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + text(IFLA_IFNAME, name) + attribute(IFLA_LINKINFO, info)
    return Message(RTM_NEWLINK, 0, body)


def set_alias(index: int, alias: str) -> Message:
    # As bytes: the kernel wants no closing zero here.
    body = _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0) + attribute(IFLA_IFALIAS, alias.encode())
    return Message(RTM_NEWLINK, 0, body)


def set_up(index: int) -> Message:
    return Message(RTM_NEWLINK, 0, _LINK.pack(socket.AF_UNSPEC, 0, index, IFF_UP, IFF_UP))


def delete_link(index: int) -> Message:
    """Slow (tens of milliseconds): a container's link is never deleted, it goes with its namespace."""
    return Message(RTM_DELLINK, 0, _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0))


def _address_body(index: int, address: IPv4Interface) -> bytes:
    local = attribute(IFA_LOCAL, address.ip.packed) + attribute(IFA_ADDRESS, address.ip.packed)
    return _ADDRESS.pack(socket.AF_INET, address.network.prefixlen, 0, RT_SCOPE_UNIVERSE, index) + local


def add_address(index: int, address: IPv4Interface) -> Message:
    broadcast = attribute(IFA_BROADCAST, address.network.broadcast_address.packed)
    return Message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, _address_body(index, address) + broadcast)


def delete_address(index: int, address: IPv4Interface) -> Message:
    return Message(RTM_DELADDR, 0, _address_body(index, address))


def add_default_route(index: int, gateway: IPv4Address) -> Message:
    body = _ROUTE.pack(socket.AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST, 0)
    body += attribute(RTA_GATEWAY, gateway.packed) + number(RTA_OIF, index)
    return Message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body)


def delete_default_route() -> Message:
    """The kernel answers ESRCH when there is none."""
    return Message(RTM_DELROUTE, 0, _ROUTE.pack(socket.AF_INET, 0, 0, 0, RT_TABLE_MAIN, 0, 0, 0, 0))
