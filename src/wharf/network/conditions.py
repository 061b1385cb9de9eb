"""What a rule of nftables asks for, and whether a packet has it of which not all is known. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeGuard

Json = Any  # as in libnftables-json(5)
Address = IPv4Address | IPv6Address
Value = str | int | Address | frozenset[str]
Sets = Mapping[str, Sequence[Json]]  # of a table: elements by name


@dataclass(frozen=True, slots=True)
class Packet:
    """The first one of a connection. None is what is not known."""

    version: int = 4
    incoming: str | None = None  # device
    outgoing: str | None = None
    protocol: str | None = None  # "tcp" or "udp"
    port: int | None = None
    asked: int | None = None  # the port that its sender meant
    source: Address | None = None
    target: Address | None = None
    translated: bool = False  # to another target than its sender meant
    received: bool = False  # by the host itself


class Absent(Exception):
    """The packet has no such header, so that no rule about it can match."""


def matches(condition: Json, packet: Packet, sets: Sets) -> bool | None:
    """Whether it does; None where that is not known."""
    match condition:
        case {"op": "==" | "in" | "!=" as op, "left": left, "right": right}:
            try:
                found = is_among(value(packet, left), right, sets)
            except Absent:
                return False
            return found if op != "!=" or found is None else not found
    return None


def is_among(value: Value | None, right: Json, sets: Sets) -> bool | None:
    """Whether a value is, or is among, what a rule names."""
    match right:
        case {"set": [*members]} | [*members]:
            return _any(is_among(value, member, sets) for member in members)
        case {"elem": {"val": inner}}:
            return is_among(value, inner, sets)
        case str() if right.startswith("@"):
            named = sets.get(right[1:])
            return None if named is None else is_among(value, [*named], sets)
    return None if value is None else _equals(value, right)


def _any(found: Iterable[bool | None]) -> bool | None:
    answers = set(found)
    return True if True in answers else None if None in answers else False


def value(packet: Packet, left: Json) -> Value | None:
    """What the packet has where a rule looks. Raises Absent."""
    match left:
        case {"meta": {"key": "iifname" | "iif"}}:
            return packet.incoming
        case {"meta": {"key": "oifname" | "oif"}}:
            return packet.outgoing
        case {"meta": {"key": "l4proto"}}:
            return packet.protocol
        case {"meta": {"key": "nfproto"}}:
            return f"ipv{packet.version}"
        case {"fib": {"result": "type", "flags": ["daddr"]}}:
            return "local" if packet.received else "unicast"
        case {"ct": {"key": "state"}}:
            return frozenset({"new"})
        case {"ct": {"key": "proto-dst", "dir": "original"}}:
            return packet.asked
        case {"ct": {"key": "status"}}:
            return frozenset({"dnat"} if packet.translated else ())
        case {"payload": {"protocol": "ip" | "ip6" as header, "field": name}}:
            if (header == "ip") != (packet.version == 4):
                raise Absent
            known = {"saddr": packet.source, "daddr": packet.target}
            return packet.protocol if name in ("protocol", "nexthdr") else known.get(name)
        case {"payload": {"protocol": "ether" | "vlan"}}:
            return None
        case {"payload": {"protocol": header, "field": name}}:
            if header != "th" and packet.protocol not in (None, header):
                raise Absent
            return packet.port if name == "dport" and packet.protocol else None
    return None


def _is_address(value: Value) -> TypeGuard[Address]:
    return isinstance(value, IPv4Address | IPv6Address)


def _equals(value: Value, right: Json) -> bool | None:
    try:
        match right:
            case {"prefix": {"addr": str(address), "len": int(length)}}:
                return value in ip_network(f"{address}/{length}", strict=False) if _is_address(value) else None
            case {"range": [int(first), int(last)]}:
                return isinstance(value, int) and first <= value <= last
            case {"range": [str(first), str(last)]} if _is_address(value):
                return int(ip_address(first)) <= int(value) <= int(ip_address(last))
            case str() if isinstance(value, frozenset):
                return right in value
            case str() if isinstance(value, str) and right.endswith("*"):
                return value.startswith(right[:-1])
            case str() | int():
                return str(value) == str(right)
    except (ValueError, TypeError):
        pass
    return None


def words(condition: Json) -> str:
    """A condition, much as nft writes it."""
    match condition:
        case {"op": op, "left": left, "right": right}:
            return f"{words_of_key(left)} {'' if op in ('==', 'in') else f'{op} '}{_right(right)}"
    return words_of_key(None)


def words_of_key(left: Json) -> str:
    match left:
        case {"payload": {"protocol": header, "field": name}}:
            return f"{header} {name}"
        case {"meta": {"key": key}}:
            return str(key)
        case {"ct": {"key": key, "dir": way}}:
            return f"ct {way} {key}"
        case {"ct": {"key": key}}:
            return f"ct {key}"
        case {"fib": {"result": result, "flags": [*flags]}}:
            return f"fib {' . '.join(map(str, flags))} {result}"
    return "something else"


def _right(right: Json) -> str:
    match right:
        case {"set": [*members]} | [*members]:
            shown = ", ".join(map(_right, members[:3]))
            return f"{{ {shown}{', ...' if len(members) > 3 else ''} }}"
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
        case {"range": [first, last]}:
            return f"{first}-{last}"
        case {"elem": {"val": inner}}:
            return _right(inner)
        case str() | int():
            return str(right)
    return "..."
