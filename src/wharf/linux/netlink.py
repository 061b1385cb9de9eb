"""rtnetlink by hand: links, addresses and routes, over sockets that stay open (rtnetlink(7), netlink(7)).

By hand, because the messages of a container's start are few and a library costs three times their time and 24 MiB.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, Self

from wharf.linux.namespaces import inside_network

NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_DUMP: Final = 0x300

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO, IFLA_IFALIAS = 1, 3, 4, 5, 10, 18, 20
IFLA_OPERSTATE, _IF_OPER_UP = 16, 6
IFLA_GROUP: Final = 27
IFLA_INFO_KIND: Final = 1
IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS = 29, 8
_LONGEST_NAME: Final = 15  # IFNAMSIZ without its null
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY = 1, 4, 5
IFF_UP, IFF_LOOPBACK = 0x1, 0x8

RT_TABLE_MAIN: Final = 254

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network

_NLA_TYPE_MASK: Final = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NETLINK_EXT_ACK, _NETLINK_CAP_ACK = 270, 1, 11, 10
_NETLINK_NO_ENOBUFS: Final = 5
_RTNLGRP_LINK: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
LINK: Final = struct.Struct("=BxHiII")
ADDRESS: Final = struct.Struct("=BBBBi")
ROUTE: Final = struct.Struct("=BBBBBBBBI")
#: The kernel sends dumps in parts of at most 32 KiB (netlink_dump).
_PART: Final = 65536
#: So often at the most a list is asked for that others change while it comes: some always do where much is started.
_DUMPS: Final = 5
#: Runs what takes long and nobody waits for.
Later = Callable[[Callable[[], None]], None]

#: Seconds to wait for a link to go; others may hold the lock of all of them for long.
_PATIENCE: Final = 60

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
    loopback: bool = False
    group: int = 0
    carries: bool = True  # packets pass: more than being up, and a little later


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


Received = tuple[int, int, int, bytes]  # kind, flags, sequence, body


def frame(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """A message with its header."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


def parse_messages(data: bytes) -> Iterator[Received]:
    """What came in one packet. What is cut off is left out, with all behind it."""
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if size < _HEADER.size or at + size > len(data):
            return
        yield kind, flags, sequence, data[at + _HEADER.size : at + size]
        at += (size + 3) & ~3


_NO_SEPARATORS: Final = str.maketrans("", "", ":-.")


def parse_mac(address: str) -> bytes:
    """The six bytes of `02:42:ac:11:00:02`, `02-42-ac-11-00-02` or `0242.ac11.0002`. Raises ValueError."""
    parts = bytes.fromhex(address.translate(_NO_SEPARATORS))
    if len(parts) != 6:
        raise ValueError(f"invalid MAC address: {address!r}")
    return parts


class RouteSocket:
    """A kept rtnetlink socket in one network namespace. For one thread at a time."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.connect((0, 0))  # to the kernel: nobody else can send anything to it
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
        if parts:
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

    def delete_link(self, index: int, later: Later) -> None:
        """Deletes a link, and returns when nobody finds it any more. The socket is then to be closed. Raises OSError.

        The kernel answers only when it has freed the memory, for which it waits for every processor (20 ms), but tells
        whoever listens as soon as the link is gone (1 ms). `later` sees to the rest.
        """
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _RTNLGRP_LINK)
        # Of what others do to their links some may be lost: the acknowledgement comes all the same.
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_NO_ENOBUFS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 1, 0))
        self._sequence += 1
        request = self._frame(delete_link(index), NLM_F_REQUEST | NLM_F_ACK)
        sender = self._socket.dup()
        unsent: list[OSError] = []

        def send() -> None:
            try:
                with sender:
                    sender.sendall(request)
            except OSError as error:
                unsent.append(error)

        later(send)
        while True:
            for kind, flags, sequence, content in self._receive_patiently(unsent):
                if kind == RTM_DELLINK and LINK.unpack_from(content)[2] == index:
                    return
                if kind == NLMSG_ERROR and sequence == self._sequence:
                    if (failure := _failure(flags, content)) is not None:
                        raise failure
                    return

    def _receive_patiently(self, unsent: Sequence[OSError]) -> Iterator[Received]:
        """Raises what is in `unsent`, at the latest a second after it came there; and OSError."""
        for _ in range(_PATIENCE):
            if unsent:
                raise unsent[0]
            with suppress(BlockingIOError):
                return self._receive()
        raise TimeoutError(errno.ETIMEDOUT, "netlink: the link does not go")

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """The bodies of all answers to a dump request. Raises OSError.

        They come in parts, and may lack what was there all the time where others change something meanwhile: then the
        kernel is asked again.
        """
        for _ in range(_DUMPS):
            found, is_whole = self._dump(Message(kind, NLM_F_DUMP, body))
            if is_whole:
                break
        return found

    def _dump(self, message: Message) -> tuple[list[bytes], bool]:
        """Also whether nothing was changed meanwhile."""
        self._sequence += 1
        self._socket.sendall(self._frame(message, NLM_F_REQUEST))
        found: list[bytes] = []
        is_whole = True
        while True:
            for kind, flags, sequence, body in self._receive():
                if sequence != self._sequence:
                    continue
                if kind == NLMSG_ERROR:
                    raise _failure(flags, body) or OSError("netlink: unexpected acknowledgement")
                is_whole = is_whole and not flags & NLM_F_DUMP_INTR
                if kind == NLMSG_DONE:
                    return found, is_whole
                found.append(body)

    def _answer(self, message: Message) -> bytes:
        """The body of the one answer to a request that is not a dump. Raises OSError."""
        self._sequence += 1
        self._socket.sendall(self._frame(message, NLM_F_REQUEST))
        while True:
            for kind, flags, sequence, body in self._receive():
                if sequence == self._sequence:
                    if kind == NLMSG_ERROR:
                        raise _failure(flags, body) or OSError("netlink: unexpected acknowledgement")
                    return body

    def _frame(self, message: Message, flags: int) -> bytes:
        return frame(message.type, flags | message.flags, self._sequence, message.body)

    def _receive(self) -> Iterator[Received]:
        return parse_messages(self._socket.recv(_PART))

    def links(self) -> list[Link]:
        return [_parse_link(body) for body in self.dump(RTM_GETLINK, _LINKS)]

    def link(self, name: str) -> Link | None:
        """None when there is none. The kernel finds it by its name: a host with many containers has many links."""
        if not 0 < len(name.encode()) <= _LONGEST_NAME:
            return None
        try:
            found = _parse_link(self._answer(Message(RTM_GETLINK, 0, _LINKS + text(IFLA_IFNAME, name))))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return None
        return found if found.name == name else None  # not by another name that it also has

    def addresses(self) -> list[tuple[int, Interface]]:
        """All addresses of IPv4 and IPv6, each with the index of its link."""
        found: list[tuple[int, Interface]] = []
        for body in self.dump(RTM_GETADDR, ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
            family, length, _, _, index = ADDRESS.unpack_from(body)
            attributes = parse_attributes(body[ADDRESS.size :])
            address = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS)
            if address and family == socket.AF_INET:
                found.append((index, IPv4Interface((address, length))))
            elif address and family == socket.AF_INET6:
                found.append((index, IPv6Interface((address, length))))
        return found

    def routes(self) -> list[Network]:
        """The destinations of all routes of the main table but the default ones."""
        return [
            ip_network((attributes[RTA_DST], length))
            for _, length, attributes in self._main_routes()
            if RTA_DST in attributes
        ]

    def default_routes(self) -> list[tuple[int, Address | None, int]]:
        """Version, gateway (None: the link itself leads on) and index of the link."""
        found = []
        for version, length, attributes in self._main_routes():
            if length == 0 and RTA_OIF in attributes:
                gateway = attributes.get(RTA_GATEWAY)
                found.append((version, ip_address(gateway) if gateway else None, _index(attributes)))
        return found

    def _main_routes(self) -> Iterator[tuple[int, int, dict[int, bytes]]]:
        """Version, prefix length and attributes."""
        for body in self.dump(RTM_GETROUTE, ROUTE.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0, 0)):
            family, length, _, _, table, *_ = ROUTE.unpack_from(body)
            if table == RT_TABLE_MAIN and family in _VERSION:
                yield _VERSION[family], length, parse_attributes(body[ROUTE.size :])


_VERSION: Final = {socket.AF_INET.value: 4, socket.AF_INET6.value: 6}
#: What is asked of links: all but their counters.
_LINKS: Final = LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + number(IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)


def _index(attributes: dict[int, bytes]) -> int:
    return int(struct.unpack("=I", attributes.get(RTA_OIF, bytes(4)))[0])


def _failure(flags: int, body: bytes) -> OSError | None:
    """What an NLMSG_ERROR says; None when it is the acknowledgement of a success."""
    code = -struct.unpack_from("=i", body)[0]
    if code == 0:
        return None
    # With NETLINK_CAP_ACK the attributes follow the error number and the request's header.
    words = parse_attributes(body[4 + _HEADER.size :]).get(1, b"") if flags & 0x200 else b""
    return OSError(code, words.rstrip(b"\0").decode(errors="replace") or os.strerror(code))


def _parse_link(body: bytes) -> Link:
    _, _, index, flags, _ = LINK.unpack_from(body)
    attributes = parse_attributes(body[LINK.size :])
    info = parse_attributes(attributes.get(IFLA_LINKINFO, b""))

    def string(value: bytes) -> str:
        return value.rstrip(b"\0").decode(errors="replace")

    def value(kind: int) -> int:
        return int(struct.unpack("=I", attributes.get(kind, bytes(4)))[0])

    return Link(
        index=index,
        name=string(attributes.get(IFLA_IFNAME, b"")),
        kind=string(info.get(IFLA_INFO_KIND, b"")),
        master=value(IFLA_MASTER),
        mtu=value(IFLA_MTU),
        alias=string(attributes.get(IFLA_IFALIAS, b"")),
        up=bool(flags & IFF_UP),
        loopback=bool(flags & IFF_LOOPBACK),
        group=value(IFLA_GROUP),
        carries=attributes.get(IFLA_OPERSTATE, b"") == bytes([_IF_OPER_UP]),
    )


def delete_link(index: int) -> Message:
    """Slow (20 ms): RouteSocket.delete_link is quicker. A container's link mostly goes with its namespace."""
    return Message(RTM_DELLINK, 0, LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0))
