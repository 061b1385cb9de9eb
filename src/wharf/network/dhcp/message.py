"""DHCP messages on the wire (RFC 2131, RFC 2132). Pure.

Anybody on the wire can send one, so that decoding takes nothing for granted.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final

SERVER_PORT: Final = 67
CLIENT_PORT: Final = 68
NOBODY: Final = IPv4Address("0.0.0.0")
EVERYBODY: Final = IPv4Address("255.255.255.255")

SUBNET_MASK, ROUTER, NAME_SERVERS, HOST_NAME, DOMAIN_NAME = 1, 3, 6, 12, 15
REQUESTED_ADDRESS, LEASE_TIME, OVERLOAD, KIND, SERVER_ID = 50, 51, 52, 53, 54
WANTED_OPTIONS, LARGEST_MESSAGE, RENEWAL_TIME, REBINDING_TIME, CLIENT_ID = 55, 57, 58, 59, 61
_PAD, _END = 0, 255

_MAGIC: Final = b"\x63\x82\x53\x63"
_BROADCAST: Final = 0x8000
_ETHERNET: Final = 1
#: op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file.
_HEADER: Final = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
#: Relays and servers may drop what is shorter than a BOOTP message was (RFC 1542, 2.1).
_SMALLEST: Final = 300
_LONGEST_OPTION: Final = 255


class Kind(IntEnum):
    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


@dataclass(frozen=True, slots=True)
class Message:
    kind: Kind
    transaction: int  # 32 bits, chosen by the client
    hardware: bytes  # the client's MAC address
    is_reply: bool = False
    seconds: int = 0  # since the client began to ask
    broadcast: bool = False  # the client cannot receive what is sent to its new address yet
    own: IPv4Address = NOBODY  # that the client has and answers for
    given: IPv4Address = NOBODY  # that the server gives
    options: Mapping[int, bytes] = field(default_factory=dict)  # without the kind


def encode(message: Message) -> bytes:
    """The bytes of a message. Options of more than 255 bytes are sent in parts (RFC 3396)."""
    header = _HEADER.pack(
        2 if message.is_reply else 1,
        _ETHERNET,
        len(message.hardware),
        0,
        message.transaction,
        min(message.seconds, 0xFFFF),
        _BROADCAST if message.broadcast else 0,
        message.own.packed,
        message.given.packed,
        NOBODY.packed,
        NOBODY.packed,
        message.hardware,
        b"",
        b"",
    )
    options = b"".join(_option(code, value) for code, value in _all_options(message))
    return (header + _MAGIC + options + bytes([_END])).ljust(_SMALLEST, b"\0")


def _all_options(message: Message) -> Iterator[tuple[int, bytes]]:
    yield KIND, bytes([message.kind])  # first: some servers look for it there
    yield from message.options.items()


def _option(code: int, value: bytes) -> bytes:
    starts = range(0, max(len(value), 1), _LONGEST_OPTION)
    parts = (value[start : start + _LONGEST_OPTION] for start in starts)
    return b"".join(bytes([code, len(part)]) + part for part in parts)


def decode(data: bytes) -> Message:
    """Raises ValueError for what is no DHCP message of an Ethernet client."""
    start = _HEADER.size + len(_MAGIC)
    if len(data) < start or data[_HEADER.size : start] != _MAGIC:
        raise ValueError("not a DHCP message")
    op, kind, length, _, transaction, seconds, flags, own, given, _, _, hardware, name, file = _HEADER.unpack_from(data)
    if op not in (1, 2) or kind != _ETHERNET or length != 6:
        raise ValueError("not a message of or to an Ethernet client")
    options = _options(data[start:], file, name)
    return Message(
        kind=_kind(options.pop(KIND, b"")),
        transaction=transaction,
        hardware=hardware[:6],
        is_reply=op == 2,
        seconds=seconds,
        broadcast=bool(flags & _BROADCAST),
        own=IPv4Address(own),
        given=IPv4Address(given),
        options=options,
    )


def _kind(value: bytes) -> Kind:
    if len(value) != 1 or value[0] not in Kind.__members__.values():
        raise ValueError("not a DHCP message: its kind is unknown")
    return Kind(value[0])


def _options(area: bytes, file: bytes, name: bytes) -> dict[int, bytes]:
    """All options: where they have no room they go on in the fields for names (RFC 2132, 9.3)."""
    found: dict[int, bytes] = {}
    _collect(area, found)
    overload = found.pop(OVERLOAD, b"\0")[:1]
    for bit, more in ((1, file), (2, name)):
        if overload and overload[0] & bit:
            _collect(more, found)
    return found


def _collect(area: bytes, found: dict[int, bytes]) -> None:
    """What is cut off is left out; parts of one option are put together."""
    at = 0
    while at < len(area) and area[at] != _END:
        if area[at] == _PAD:
            at += 1
            continue
        if at + 2 > len(area) or at + 2 + area[at + 1] > len(area):
            return
        code, length = area[at], area[at + 1]
        found[code] = found.get(code, b"") + area[at + 2 : at + 2 + length]
        at += 2 + length
