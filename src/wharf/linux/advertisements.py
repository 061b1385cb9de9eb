"""IPv6 addresses that the kernel makes of what routers advertise: which there are, and being told of changes.

All in the network namespace that the calling thread is in.
"""

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

from wharf.linux.netlink import ADDRESS, IFA_ADDRESS, RTM_GETADDR, RouteSocket, parse_attributes

_CHANGED: Final = 1 << (9 - 1)  # RTNLGRP_IPV6_IFADDR is number 9
_IFA_FLAGS, _IFA_PROTO = 8, 11
_GLOBAL: Final = 0  # RT_SCOPE_UNIVERSE
#: IFA_F_…: for a time only, found to be another's, not preferred any more, not looked yet whether another has it.
_TEMPORARY, _DAD_FAILED, _DEPRECATED, _TENTATIVE = 0x01, 0x08, 0x20, 0x40
_UNUSABLE: Final = _TEMPORARY | _DAD_FAILED | _DEPRECATED | _TENTATIVE
_PERMANENT: Final = 0x80  # IFA_F_PERMANENT
_BY_ADVERTISEMENT: Final = 2  # IFAPROT_KERNEL_RA
_ALL_ROUTERS: Final = "ff02::2"
_SOLICITATION: Final = bytes((133, 0, 0, 0, 0, 0, 0, 0))  # RFC 4861, 4.1; the kernel adds the checksum
_PART: Final = 1 << 16
_MOST: Final = 64  # notices that are read in one go: the container may make them as fast as we read


@dataclass(frozen=True, slots=True)
class Advertised:
    """An address of an interface; "" for none."""

    address: str = ""
    prefix_length: int = 0


def address_of(routes: RouteSocket, index: int) -> Advertised:
    """The address that a link has by advertisements: one that all can reach, if there is one. Raises OSError."""
    return chosen(routes.dump(RTM_GETADDR, ADDRESS.pack(socket.AF_INET6, 0, 0, 0, 0)), index)


def chosen(bodies: Iterable[bytes], index: int) -> Advertised:
    """Of all addresses in a namespace, as the kernel lists them.

    Since Linux 5.18 it says which it made itself, and of what. Before, those that somebody gave a link by hand are
    known by that they last for ever.
    """
    made, lent = [], []
    tells = False
    for body in bodies:
        _, length, flags, scope, owner = ADDRESS.unpack_from(body)
        attributes = parse_attributes(body[ADDRESS.size :])
        flags |= struct.unpack("=I", attributes.get(_IFA_FLAGS, bytes(4)))[0]
        maker = attributes.get(_IFA_PROTO, b"\0")[0]
        tells = tells or maker != 0
        if owner == index and scope == _GLOBAL and not flags & _UNUSABLE:
            found = (IPv6Address(attributes[IFA_ADDRESS]), length)
            if maker == _BY_ADVERTISEMENT:
                made.append(found)
            elif not flags & _PERMANENT:
                lent.append(found)
    fit = made if tells else lent
    if not fit:
        return Advertised()
    address, length = min(fit, key=lambda one: (one[0].is_private, one[0]))
    return Advertised(str(address), length)


def notices() -> socket.socket:
    """Readable whenever an address of IPv6 comes, goes or changes; what it says need not be read. Raises OSError."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        made.bind((0, _CHANGED))
        made.connect((0, 0))  # to the kernel: nobody else can send anything to it alone
    except BaseException:
        made.close()
        raise
    return made


def forget(told: socket.socket) -> None:
    """Reads the notices that are there, or many of them: then it is still readable."""
    for _ in range(_MOST):
        try:
            told.recv(_PART)
        except BlockingIOError:
            return
        except OSError:
            pass  # ENOBUFS: some were lost, and nobody counts them


def solicit(interface: str) -> None:
    """Asks routers to advertise now. Raises OSError."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6) as asking:
        asking.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        asking.sendto(_SOLICITATION, (_ALL_ROUTERS, 0, 0, socket.if_nametoindex(interface)))
