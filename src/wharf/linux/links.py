"""Requests to rtnetlink that make, change and delete network links (ip-link(8) says what they do)."""

import socket
import sys
from typing import Final, Literal

from wharf.linux.netlink import (
    IFF_UP,
    IFLA_ADDRESS,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MASTER,
    IFLA_MTU,
    LINK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_NEWLINK,
    Message,
    attribute,
    number,
    parse_mac,
    text,
)

IFLA_AF_SPEC, IFLA_NET_NS_FD = 26, 28
IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 2, 4, 5
IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED = 4, 33
IFLA_INET6_ADDR_GEN_MODE: Final = 8
IN6_ADDR_GEN_MODE_NONE: Final = 1
VETH_INFO_PEER: Final = 1
IFLA_MACVLAN_MODE: Final = 1
IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS = 1, 2
IFLA_VLAN_ID: Final = 1

#: The group of links that we have made, until they are named as ours: the kernel takes no alias in the message that
#: makes one. Those of containers never are.
UNNAMED: Final = int.from_bytes(b"whrf", "big")

MACVLAN_MODES: Final = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES: Final = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS: Final = {"bridge": 0, "private": 1, "vepa": 2}


def _new(name: str, kind: str, *, data: bytes = b"", more: bytes = b"", up: bool = True) -> Message:
    """A new link. `data` is the kind's own, `more` of all kinds."""
    state = IFF_UP if up else 0
    info = text(IFLA_INFO_KIND, kind) + (attribute(IFLA_INFO_DATA, data) if data else b"")
    body = LINK.pack(socket.AF_UNSPEC, 0, 0, state, state) + text(IFLA_IFNAME, name) + more
    return Message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body + attribute(IFLA_LINKINFO, info))


def _sized(mtu: int) -> bytes:
    return number(IFLA_MTU, mtu) if mtu else b""


def _short(kind: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(2, sys.byteorder))


def new_bridge(name: str, mac_address: str, mtu: int = 0) -> Message:
    """A bridge that is up. Its MAC address is fixed, so that it does not change with the ports that join."""
    mac = attribute(IFLA_ADDRESS, parse_mac(mac_address))
    return _new(name, "bridge", more=mac + _sized(mtu) + number(IFLA_GROUP, UNNAMED))


def new_veth(name: str, bridge: int, namespace: int, peer: str, peer_mac: str, mtu: int = 0) -> Message:
    """A pair: the outer end is a port of the bridge and up, the peer is made in another namespace and still down."""
    inner = LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + text(IFLA_IFNAME, peer)
    inner += attribute(IFLA_ADDRESS, parse_mac(peer_mac)) + number(IFLA_NET_NS_FD, namespace) + _sized(mtu)
    more = number(IFLA_MASTER, bridge) + number(IFLA_GROUP, UNNAMED) + _sized(mtu)
    return _new(name, "veth", data=attribute(VETH_INFO_PEER, inner), more=more)


def new_pair(name: str, peer: str) -> Message:
    """The two ends of a cable, both down: neither comes up without the other."""
    inner = LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + text(IFLA_IFNAME, peer)
    return _new(name, "veth", data=attribute(VETH_INFO_PEER, inner), up=False)


def new_dummy(name: str) -> Message:
    """A link with nothing behind it."""
    return _new(name, "dummy")


def new_vlan(name: str, parent: int, tag: int) -> Message:
    """What arrives at the parent with an 802.1Q tag."""
    return _new(
        name, "vlan", data=_short(IFLA_VLAN_ID, tag), more=number(IFLA_LINK, parent) + number(IFLA_GROUP, UNNAMED)
    )


def new_on_parent(
    name: str, kind: Literal["macvlan", "ipvlan"], parent: int, namespace: int, data: bytes, mac: str = "", mtu: int = 0
) -> Message:
    """A link in another namespace that sends and receives by one of ours, still down."""
    more = number(IFLA_LINK, parent) + number(IFLA_NET_NS_FD, namespace) + _sized(mtu)
    if mac:
        more += attribute(IFLA_ADDRESS, parse_mac(mac))
    return _new(name, kind, data=data, more=more, up=False)


def macvlan(mode: str) -> bytes:
    """The data of a macvlan link. `mode` is one of MACVLAN_MODES."""
    return number(IFLA_MACVLAN_MODE, MACVLAN_MODES[mode])


def ipvlan(mode: str, flag: str) -> bytes:
    """The data of an ipvlan link. `mode` is one of IPVLAN_MODES, `flag` of IPVLAN_FLAGS."""
    return _short(IFLA_IPVLAN_MODE, IPVLAN_MODES[mode]) + _short(IFLA_IPVLAN_FLAGS, IPVLAN_FLAGS[flag])


def without_link_local(name: str) -> Message:
    """Keeps IPv6 from making an address of its own on the link. The kernel refuses it in the message that makes it."""
    no_ipv6 = attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([IN6_ADDR_GEN_MODE_NONE]))
    body = LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + text(IFLA_IFNAME, name)
    return Message(RTM_NEWLINK, 0, body + attribute(IFLA_AF_SPEC, attribute(socket.AF_INET6, no_ipv6)))


def set_port(name: str, *, hairpin: bool, isolated: bool) -> Message:
    """A bridge's port: may a frame leave where it came from, and may it reach other isolated ports."""
    data = attribute(IFLA_BRPORT_MODE, bytes([hairpin])) + attribute(IFLA_BRPORT_ISOLATED, bytes([isolated]))
    info = text(IFLA_INFO_SLAVE_KIND, "bridge") + attribute(IFLA_INFO_SLAVE_DATA, data)
    body = LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + text(IFLA_IFNAME, name) + attribute(IFLA_LINKINFO, info)
    return Message(RTM_NEWLINK, 0, body)


def set_alias(index: int, alias: str) -> Message:
    """Names a link as ours; it is in no group any more."""
    # As bytes: the kernel wants no closing zero here.
    named = attribute(IFLA_IFALIAS, alias.encode()) + number(IFLA_GROUP, 0)
    return Message(RTM_NEWLINK, 0, LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0) + named)


def set_up(index: int) -> Message:
    return Message(RTM_NEWLINK, 0, LINK.pack(socket.AF_UNSPEC, 0, index, IFF_UP, IFF_UP))
