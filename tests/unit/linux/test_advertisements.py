"""Which of a link's addresses is what routers have advertised, by the numbers of linux/if_addr.h."""

import struct
from ipaddress import IPv6Address

import pytest

from wharf.linux.advertisements import Advertised, chosen
from wharf.linux.netlink import attribute

INDEX, OTHER = 7, 1
PERMANENT = 0x80
BY_LOOPBACK, BY_ADVERTISEMENT = 1, 2


def listed(address: str, *, index: int = INDEX, flags: int = 0, scope: int = 0, maker: int = 0) -> bytes:
    """As the kernel lists an address; it does not say who made one that somebody gave by hand."""
    body = struct.pack("=BBBBi", 10, 64, flags & 0xFF, scope, index)
    body += attribute(1, IPv6Address(address).packed) + attribute(8, struct.pack("=I", flags))
    return body + attribute(11, bytes([maker])) if maker else body


TELLING = listed("::1", index=OTHER, flags=PERMANENT, scope=254, maker=BY_LOOPBACK)
SILENT = listed("::1", index=OTHER, flags=PERMANENT, scope=254)
BY_HAND = listed("2001:db8::1", flags=PERMANENT)
BY_HAND_FOR_A_TIME = listed("2001:db8::2")
NONE = Advertised()


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([], NONE),
        ([TELLING, BY_HAND, BY_HAND_FOR_A_TIME], NONE),
        ([BY_HAND_FOR_A_TIME, listed("2001:db8::3", maker=BY_ADVERTISEMENT), TELLING], Advertised("2001:db8::3", 64)),
        ([TELLING, listed("2001:db8::3", maker=BY_ADVERTISEMENT, index=OTHER)], NONE),
        ([TELLING, listed("2001:db8::3", maker=BY_ADVERTISEMENT, flags=0x20)], NONE),  # IFA_F_DEPRECATED
        ([SILENT, BY_HAND], NONE),
        ([SILENT, BY_HAND, listed("2001:db8::3")], Advertised("2001:db8::3", 64)),  # before Linux 5.18
    ],
)
def test_what_is_advertised(bodies: list[bytes], expected: Advertised) -> None:
    assert chosen(bodies, INDEX) == expected
