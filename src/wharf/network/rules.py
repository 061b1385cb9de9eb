"""What rules of nftables make of a packet of which not all is known. Pure; they are as in libnftables-json(5).

Nothing is guessed: where a rule asks for what is not known, both answers are followed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wharf.network import conditions
from wharf.network.conditions import Json, Packet, Sets

#: Statements that let through what they like, by what only the kernel or another program knows.
_CHOOSY: Final = {"limit": "a rate", "quota": "a quota", "ct count": "a count"}
#: Targets of iptables' own after which the next rule has its turn.
_PASSING: Final = frozenset(
    ("LOG", "NFLOG", "AUDIT", "TRACE", "MARK", "CONNMARK", "SET", "CT", "TCPMSS", "TOS", "DSCP")
)
_VERDICTS: Final = ("accept", "drop", "reject", "return", "continue", "queue", "jump", "goto", "vmap")
#: How a walk through a chain may go on: in another way than with the next rule.
_ACCEPT, _DROP, _RETURN, _NEXT = "accept", "drop", "return", "next"


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
    sets: Sets = field(default_factory=dict)

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
                matches = conditions.matches(body, self._packet, self._table.sets)
                if matches is False:
                    return {_NEXT}
                asked += [] if matches else [conditions.words(body)]
            elif kind in _CHOOSY:
                asked.append(_CHOOSY[kind])
            elif kind == "xt":
                match body:
                    case {"type": "match", "name": str(name)}:
                        asked.append(f"what iptables' {name} looks for")
                    case {"type": "target", "name": str(name)}:
                        return self._unless(asked, self._target(chain, name))
                    case _:
                        return self._unless([*asked, "an extension of iptables"], {_ACCEPT, _DROP})
            elif kind in _VERDICTS:
                return self._unless(asked, self._verdict(chain, kind, body))
        return {_NEXT}

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

    def _target(self, chain: str, name: str) -> set[str]:
        """One of iptables' own."""
        if name == "REJECT":
            return self._verdict(chain, "reject", None)
        if name in _PASSING:
            return {_NEXT}
        self.depends.append(f"what iptables' {name} does")
        return {_ACCEPT, _DROP, _NEXT}

    def _chosen(self, chain: str, key: Json, data: Json) -> set[str]:
        """By a map from values to verdicts."""
        ends: set[str] = set()
        try:
            value = conditions.value(self._packet, key)
        except conditions.Absent:
            return {_NEXT}
        for member, verdict in self._pairs(data):
            matches = conditions.is_among(value, member, self._table.sets)
            if matches is False:
                continue
            for kind, body in _items(verdict):
                ends |= self._verdict(chain, kind, body)
            if matches:
                return ends
            self.depends.append(conditions.words_of_key(key))
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


def _items(statement: Json) -> Iterable[tuple[str, Json]]:
    return statement.items() if isinstance(statement, dict) else ()
