"""What rules of nftables make of a packet of which not all is known. Pure; they are as in libnftables-json(5).

Nothing is guessed: where a rule asks for what is not known, both answers are followed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

Json = Any
Address = IPv4Address | IPv6Address
Value = str | int | Address | frozenset[str]

#: Statements that let through what they like, by what only the kernel or another program knows.
_CHOOSY: Final = {"limit": "a rate", "quota": "a quota", "ct count": "a count", "xt": "what iptables alone knows"}
_VERDICTS: Final = ("accept", "drop", "reject", "return", "continue", "queue", "jump", "goto", "vmap")
#: How a walk through a chain may go on: in another way than with the next rule.
_ACCEPT, _DROP, _RETURN, _NEXT = "accept", "drop", "return", "next"


@dataclass(frozen=True, slots=True)
class Packet:
    """The first one of a connection. None is what is not known."""

    version: int = 4
    incoming: str | None = None  # device
    outgoing: str | None = None
    protocol: str | None = None  # "tcp" or "udp"
    port: int | None = None
    source: Address | None = None
    target: Address | None = None
    translated: bool = False  # to another target than its sender meant


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether a chain lets it pass; None where that depends on what is not known."""

    passes: bool | None
    dropped_in: str = ""  # the chain that does it
    depends: tuple[str, ...] = ()  # on these conditions


@dataclass(frozen=True, slots=True)
class Table:
    """Chains by name with their rules, which are statements; sets and maps by name with their elements."""

    chains: Mapping[str, Sequence[Sequence[Json]]] = field(default_factory=dict)
    sets: Mapping[str, Sequence[Json]] = field(default_factory=dict)

    def fate(self, chain: str, packet: Packet, *, drops: bool) -> Fate:
        """What becomes of it in a base chain, whose policy `drops` what no rule knows, or does not."""
        walk = _Walk(self, packet)
        ends = walk.through(chain)
        if _RETURN in ends and drops:
            walk.dropped_in.append(chain)
        dropped = _DROP in ends or (_RETURN in ends and drops)
        passed = _ACCEPT in ends or (_RETURN in ends and not drops)
        if dropped and passed:
            return Fate(None, depends=tuple(dict.fromkeys(walk.depends)))
        return Fate(passed, dropped_in=walk.dropped_in[0] if dropped else "")


class _Absent(Exception):
    """The packet has no such header, so that no rule about it can match."""


class _Walk:
    """One packet's ways through a table."""

    def __init__(self, table: Table, packet: Packet) -> None:
        self._table = table
        self._packet = packet
        self._walked: dict[str, set[str]] = {}
        self.dropped_in: list[str] = []
        self.depends: list[str] = []

    def through(self, chain: str) -> set[str]:
        """How it may leave the chain."""
        if chain not in self._walked:
            self._walked[chain] = {_RETURN}  # the kernel has no circles
            self._walked[chain] = self._ends(chain)
        return self._walked[chain]

    def _ends(self, chain: str) -> set[str]:
        ends: set[str] = set()
        for statements in self._table.chains.get(chain, ()):
            found = self._rule(chain, statements)
            ends |= found - {_NEXT}
            if _NEXT not in found:
                return ends
        return ends | {_RETURN}

    def _rule(self, chain: str, statements: Sequence[Json]) -> set[str]:
        asked: list[str] = []
        for kind, body in (pair for statement in statements for pair in _items(statement)):
            if kind == "match":
                matches = self._matches(body)
                if matches is False:
                    return {_NEXT}
                asked += [] if matches else [_words(body)]
            elif kind in _CHOOSY:
                asked.append(_CHOOSY[kind])
            elif kind in _VERDICTS:
                return self._unless(asked, self._verdict(chain, kind, body))
        # A target of iptables' own that does we do not know what.
        return self._unless(asked, {_ACCEPT, _DROP}) if asked[-1:] == [_CHOOSY["xt"]] else {_NEXT}

    def _unless(self, asked: Sequence[str], ends: set[str]) -> set[str]:
        """The ends, or the next rule where it is not known whether this one matches."""
        if not asked or ends == {_NEXT}:
            return ends
        self.depends += asked
        return ends | {_NEXT}

    def _verdict(self, chain: str, kind: str, body: Json) -> set[str]:
        match kind, body:
            case ("accept", _):
                return {_ACCEPT}
            case ("drop" | "reject", _):
                self.dropped_in.append(chain)
                return {_DROP}
            case ("return", _):
                return {_RETURN}
            case ("jump", {"target": str(target)}):
                ends = self.through(target)
                return (ends - {_RETURN}) | ({_NEXT} if _RETURN in ends else set())
            case ("goto", {"target": str(target)}):
                return self.through(target)
            case ("vmap", {"key": key, "data": data}):
                return self._chosen(chain, key, data)
            case ("queue", _):
                self.depends.append("a program that is asked (queue)")
                return {_ACCEPT, _DROP}
        return {_NEXT}

    def _chosen(self, chain: str, key: Json, data: Json) -> set[str]:
        """By a map from values to verdicts."""
        ends: set[str] = set()
        try:
            value = _value(self._packet, key)
        except _Absent:
            return {_NEXT}
        for member, verdict in self._pairs(data):
            matches = self._is(value, member)
            if matches is False:
                continue
            for kind, body in _items(verdict):
                ends |= self._verdict(chain, kind, body)
            if matches:
                return ends
            self.depends.append(_left(key))
        return ends | {_NEXT}

    def _pairs(self, data: Json) -> Iterator[tuple[Json, Json]]:
        match data:
            case {"set": [*pairs]}:
                pass
            case str():
                pairs = list(self._table.sets.get(data.removeprefix("@"), ()))
            case _:
                pairs = []
        for pair in pairs:
            match pair:
                case [member, verdict]:
                    yield member, verdict

    def _matches(self, body: Json) -> bool | None:
        match body:
            case {"op": "==" | "in" | "!=" as op, "left": left, "right": right}:
                try:
                    found = self._is(_value(self._packet, left), right)
                except _Absent:
                    return False
                return found if op != "!=" or found is None else not found
        return None

    def _is(self, value: Value | None, right: Json) -> bool | None:
        """Whether a value is, or is among, what a rule names."""
        match right:
            case {"set": [*members]} | [*members]:
                return _any(self._is(value, member) for member in members)
            case {"elem": {"val": inner}}:
                return self._is(value, inner)
            case str() if right.startswith("@"):
                named = self._table.sets.get(right[1:])
                return None if named is None else self._is(value, [*named])
        return None if value is None else _equals(value, right)


def _items(statement: Json) -> Iterable[tuple[str, Json]]:
    return statement.items() if isinstance(statement, dict) else ()


def _any(found: Iterable[bool | None]) -> bool | None:
    answers = set(found)
    return True if True in answers else None if None in answers else False


def _value(packet: Packet, left: Json) -> Value | None:
    """What the packet has where a rule looks. Raises _Absent."""
    match left:
        case {"meta": {"key": "iifname" | "iif"}}:
            return packet.incoming
        case {"meta": {"key": "oifname" | "oif"}}:
            return packet.outgoing
        case {"meta": {"key": "l4proto"}}:
            return packet.protocol
        case {"meta": {"key": "nfproto"}}:
            return f"ipv{packet.version}"
        case {"ct": {"key": "state"}}:
            return frozenset({"new"})
        case {"ct": {"key": "status"}}:
            return frozenset({"dnat"} if packet.translated else ())
        case {"payload": {"protocol": "ip" | "ip6" as header, "field": name}}:
            if (header == "ip") != (packet.version == 4):
                raise _Absent
            known = {"saddr": packet.source, "daddr": packet.target}
            return packet.protocol if name in ("protocol", "nexthdr") else known.get(name)
        case {"payload": {"protocol": header, "field": name}}:
            if header != "th" and packet.protocol not in (None, header):
                raise _Absent
            return packet.port if name == "dport" and packet.protocol else None
    return None


def _equals(value: Value, right: Json) -> bool | None:
    try:
        match right:
            case {"prefix": {"addr": str(address), "len": int(length)}}:
                return value in ip_network(f"{address}/{length}", strict=False)
            case {"range": [int(first), int(last)]}:
                return isinstance(value, int) and first <= value <= last
            case {"range": [str(first), str(last)]} if isinstance(value, IPv4Address | IPv6Address):
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


def _words(condition: Json) -> str:
    """A condition, much as nft writes it."""
    match condition:
        case {"op": op, "left": left, "right": right}:
            return f"{_left(left)} {'' if op in ('==', 'in') else f'{op} '}{_right(right)}"
    return _left(None)


def _left(left: Json) -> str:
    match left:
        case {"payload": {"protocol": header, "field": name}}:
            return f"{header} {name}"
        case {"meta": {"key": key}}:
            return str(key)
        case {"ct": {"key": key}}:
            return f"ct {key}"
        case {"fib": {"result": result}}:
            return f"fib {result}"
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
