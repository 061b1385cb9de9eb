"""The bytes of requests for links that not every kernel can be asked for, by the numbers of linux/if_link.h."""

import struct

import pytest

from wharf.linux import links
from wharf.linux.netlink import LINK, Message, parse_attributes

IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINK, IFLA_LINKINFO, IFLA_NET_NS_FD = 1, 3, 5, 18, 28
KIND, DATA = 1, 2


def parts(message: Message) -> tuple[dict[int, bytes], str, dict[int, bytes]]:
    """Attributes of the link, its kind, and the attributes that this kind has."""
    assert message.type == 16  # RTM_NEWLINK
    attributes = parse_attributes(message.body[LINK.size :])
    info = parse_attributes(attributes[IFLA_LINKINFO])
    return attributes, info[KIND].rstrip(b"\0").decode(), parse_attributes(info.get(DATA, b""))


def test_a_part_of_a_wire() -> None:
    attributes, kind, data = parts(links.new_vlan("eth0.10", 7, 10))
    assert (kind, data) == ("vlan", {1: struct.pack("=H", 10)})  # IFLA_VLAN_ID
    assert attributes[IFLA_IFNAME] == b"eth0.10\0" and attributes[IFLA_LINK] == struct.pack("=I", 7)


@pytest.mark.parametrize(("mode", "number"), [("private", 1), ("vepa", 2), ("bridge", 4), ("passthru", 8)])
def test_macvlan(mode: str, number: int) -> None:
    request = links.new_on_parent("eth0", "macvlan", 7, 33, links.macvlan(mode), mac="02:42:00:00:00:09")
    attributes, kind, data = parts(request)
    assert (kind, data) == ("macvlan", {1: struct.pack("=I", number)})  # IFLA_MACVLAN_MODE
    assert attributes[IFLA_ADDRESS] == bytes.fromhex("024200000009")
    assert attributes[IFLA_NET_NS_FD] == struct.pack("=I", 33)


@pytest.mark.parametrize(("mode", "number"), [("l2", 0), ("l3", 1), ("l3s", 2)])
@pytest.mark.parametrize(("flag", "bit"), [("bridge", 0), ("private", 1), ("vepa", 2)])
def test_ipvlan(mode: str, number: int, flag: str, bit: int) -> None:
    attributes, kind, data = parts(links.new_on_parent("eth0", "ipvlan", 7, 33, links.ipvlan(mode, flag)))
    assert (kind, data) == ("ipvlan", {1: struct.pack("=H", number), 2: struct.pack("=H", bit)})
    assert IFLA_ADDRESS not in attributes  # it has the parent's


def test_a_link_without_anything_behind_it() -> None:
    assert parts(links.new_dummy("dm-0123"))[1:] == ("dummy", {})
