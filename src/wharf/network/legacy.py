"""Beside rules of iptables-legacy: what its FORWARD chain drops by policy passes for our bridges.

The same two rules as `coexisting` appends for nftables. The kernel gives no notice when these tables change: they are
looked at when a network is made, for all networks at once at the start, and again where nftables had to be repaired.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from wharf.linux import legacy_tables
from wharf.linux.legacy_tables import LegacyTablesError
from wharf.network.coexisting import COMMENT
from wharf.network.facts import Chain

log = logging.getLogger(__name__)

_CHAIN: Final = "FORWARD"
_MARK: Final = ("-m", "comment", "--comment", COMMENT, "-j", "ACCEPT")
TABLE: Final = {4: "iptables-legacy filter", 6: "ip6tables-legacy filter"}


def passing(bridge: str) -> list[tuple[str, ...]]:
    """The rules that let a bridge's packets pass, as arguments of iptables. Pure."""
    return [(_CHAIN, side, bridge, *_MARK) for side in ("-i", "-o")]


def missing(listing: Sequence[str], bridge: str) -> list[tuple[str, ...]]:
    """Those that a chain with this listing (`-S`) lacks; none where nothing is dropped by policy. Pure."""
    if f"-P {_CHAIN} DROP" not in listing:
        return []
    return [rule for rule in passing(bridge) if _line(rule) not in listing]


def chain(version: int, listing: Sequence[str]) -> Iterator[Chain]:
    """What `network check` has to tell of the chain. Pure."""
    rules = [line for line in listing if line.startswith("-A ")]
    ours = [line for line in rules if line.endswith(" ".join(_MARK))]
    drops = f"-P {_CHAIN} DROP" in listing and not ours
    if drops or len(rules) > len(ours):
        yield Chain(TABLE[version], _CHAIN, "forward", drops)


def _line(rule: tuple[str, ...]) -> str:
    return f"-A {' '.join(rule)}"


class LegacyTables:
    """Rules for the bridges of one engine. For the kernel's thread only."""

    def __init__(self) -> None:
        self._bridges: set[str] = set()
        self._looked = False
        self._doubted = False

    def look(self) -> None:
        """Lets all bridges pass that are there, and from now on each that is made. One look: it runs a program."""
        self._looked = True
        _let_pass(self._bridges)

    def doubt(self) -> None:
        """Somebody has changed our rules elsewhere, and perhaps these."""
        self._doubted = True

    def look_again(self) -> None:
        """Where there is a doubt."""
        if self._doubted:
            self._doubted = False
            self.look()

    def admit(self, bridge: str) -> None:
        """A bridge has been made."""
        self._bridges.add(bridge)
        if self._looked:
            _let_pass([bridge])

    def dismiss(self, bridge: str) -> None:
        """A bridge is about to go."""
        self._bridges.discard(bridge)
        _forget(bridge)


def _let_pass(bridges: Collection[str]) -> None:
    """Lets their packets pass a policy of drop. Does nothing where there is none."""
    for version in TABLE:
        if bridges and legacy_tables.in_use(version):
            try:
                listing = _listing(version)
                for rule in (rule for bridge in bridges for rule in missing(listing, bridge)):
                    legacy_tables.run(version, "-A", *rule)
            except LegacyTablesError as error:
                log.warning("iptables-legacy may drop packets", extra={"bridges": [*bridges], "reason": str(error)})


def _forget(bridge: str) -> None:
    for version in TABLE:
        if legacy_tables.in_use(version):
            try:
                listing = _listing(version)
                for rule in passing(bridge):
                    if _line(rule) in listing:
                        legacy_tables.run(version, "-D", *rule)
            except LegacyTablesError as error:
                log.warning("rules of iptables-legacy are left", extra={"bridge": bridge, "reason": str(error)})


def chains() -> list[Chain]:
    """What there is to tell of both versions. One whose program is missing may drop anything."""
    found: list[Chain] = []
    for version, table in TABLE.items():
        if legacy_tables.in_use(version):
            try:
                found += chain(version, _listing(version))
            except LegacyTablesError:
                found.append(Chain(table, _CHAIN, "forward", drops=False))
    return found


def _listing(version: int) -> Sequence[str]:
    return legacy_tables.run(version, "-S", _CHAIN)
