"""Requests to rtnetlink that give links addresses and default routes, and take them away (rtnetlink(7))."""

import socket
import struct
from typing import Final

from wharf.linux.netlink import (
    ADDRESS,
    IFA_ADDRESS,
    IFA_LOCAL,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    ROUTE,
    RT_TABLE_MAIN,
    RTA_GATEWAY,
    RTA_OIF,
    RTM_DELADDR,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    Address,
    Interface,
    Message,
    attribute,
    number,
)

IFA_BROADCAST, IFA_CACHEINFO = 4, 6
#: The address is used at once: nobody asks first whether it is taken, since we give out each only once.
IFA_F_NODAD: Final = 0x02
RTPROT_BOOT: Final = 3
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK = 0, 253
RTN_UNICAST: Final = 1


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _address_body(index: int, address: Interface, flags: int = 0) -> bytes:
    local = attribute(IFA_LOCAL, address.ip.packed) + attribute(IFA_ADDRESS, address.ip.packed)
    scope = RT_SCOPE_LINK if address.is_link_local else RT_SCOPE_UNIVERSE
    return ADDRESS.pack(_family(address.version), address.network.prefixlen, flags, scope, index) + local


def add_address(index: int, address: Interface) -> Message:
    if address.version == 6:
        return Message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, _address_body(index, address, IFA_F_NODAD))
    broadcast = attribute(IFA_BROADCAST, address.network.broadcast_address.packed)
    return Message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, _address_body(index, address) + broadcast)


def lend_address(index: int, address: Interface, seconds: int) -> Message:
    """Adds an address that the kernel takes away after that time, or gives one that time anew; 2**32 - 1 is ever."""
    broadcast = attribute(IFA_BROADCAST, address.network.broadcast_address.packed)
    lifetime = attribute(IFA_CACHEINFO, struct.pack("=IIII", seconds, seconds, 0, 0))  # preferred and valid
    return Message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, _address_body(index, address) + broadcast + lifetime)


def delete_address(index: int, address: Interface) -> Message:
    return Message(RTM_DELADDR, 0, _address_body(index, address))


def add_default_route(index: int, gateway: Address | None, version: int) -> Message:
    """By a gateway; None leads everything to the link itself, where the other side knows the way."""
    scope = RT_SCOPE_UNIVERSE if gateway is not None or version == 6 else RT_SCOPE_LINK
    body = ROUTE.pack(_family(version), 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST, 0)
    if gateway is not None:
        body += attribute(RTA_GATEWAY, gateway.packed)
    return Message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body + number(RTA_OIF, index))


def delete_default_route(version: int, index: int) -> Message:
    """One of those by a link. The kernel answers ESRCH when there is none."""
    body = ROUTE.pack(_family(version), 0, 0, 0, RT_TABLE_MAIN, 0, 0, 0, 0)
    return Message(RTM_DELROUTE, 0, body + number(RTA_OIF, index))
