"""The frames around DHCP messages: Ethernet, IPv4 and UDP, made by hand, as the client has no address yet. Pure."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from wharf.network.dhcp.message import CLIENT_PORT, EVERYBODY, NOBODY, SERVER_PORT

ALL_STATIONS: Final = b"\xff" * 6
_IPV4, _ARP = 0x0800, 0x0806
_ETHERNET: Final = struct.Struct("!6s6sH")
#: version and length, tos, total length, id, flags and offset, ttl, protocol, checksum, source, target.
_IP: Final = struct.Struct("!BBHHHBBH4s4s")
_UDP: Final = struct.Struct("!HHHH")
_ARP_BODY: Final = struct.Struct("!HHBBH6s4s6s4s")
_PROTOCOL_UDP: Final = 17
_FRAGMENT: Final = 0x3FFF  # more of them follow, or this is not the first
_HOPS: Final = 64
_ARP_REQUEST: Final = 1


@dataclass(frozen=True, slots=True)
class Station:
    """One end of a conversation."""

    mac: bytes
    address: IPv4Address


EVERY_STATION: Final = Station(ALL_STATIONS, EVERYBODY)


def to_server(payload: bytes, source: Station, target: Station) -> bytes:
    """The frame that takes a client's message to a server, or to all of them."""
    udp = _UDP.pack(CLIENT_PORT, SERVER_PORT, _UDP.size + len(payload), 0) + payload
    pseudo = source.address.packed + target.address.packed + struct.pack("!HH", _PROTOCOL_UDP, len(udp))
    # A sum of 0 would mean that there is none (RFC 768).
    udp = udp[:6] + struct.pack("!H", _checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    fields = (0x45, 0, _IP.size + len(udp), 0, 0, _HOPS, _PROTOCOL_UDP)
    ends = (source.address.packed, target.address.packed)
    ip = _IP.pack(*fields, _checksum(_IP.pack(*fields, 0, *ends)), *ends)
    return _ETHERNET.pack(target.mac, source.mac, _IPV4) + ip + udp


def from_server(frame: bytes) -> tuple[bytes, bytes]:
    """The MAC address that sent a frame to a client, and the message in it. Raises ValueError.

    Sums are not looked at: between two links of one host nobody has computed them yet.
    """
    if len(frame) < _ETHERNET.size + _IP.size + _UDP.size:
        raise ValueError("too short")
    _, mac, kind = _ETHERNET.unpack_from(frame)
    first, _, total, _, fragment, _, protocol, _, _, _ = _IP.unpack_from(frame, _ETHERNET.size)
    if kind != _IPV4 or first >> 4 != 4 or protocol != _PROTOCOL_UDP or fragment & _FRAGMENT:
        raise ValueError("not a whole UDP datagram")
    start = _ETHERNET.size + (first & 0xF) * 4
    end = _ETHERNET.size + total
    if (first & 0xF) * 4 < _IP.size or end > len(frame) or start + _UDP.size > end:
        raise ValueError("cut off")
    _, port, length, _ = _UDP.unpack_from(frame, start)
    if port != CLIENT_PORT or not _UDP.size <= length <= end - start:
        raise ValueError("not for a DHCP client")
    return mac, frame[start + _UDP.size : start + length]


def announcement(own: Station) -> bytes:
    """Tells neighbours that an address is here now, whoever had it before (RFC 2131, 4.4.1; RFC 5227, 3)."""
    body = _ARP_BODY.pack(
        1, _IPV4, 6, 4, _ARP_REQUEST, own.mac, own.address.packed, NOBODY.packed + b"\0\0", own.address.packed
    )
    return _ETHERNET.pack(ALL_STATIONS, own.mac, _ARP) + body


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
