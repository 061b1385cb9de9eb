"""Beside rules of iptables-legacy: what its FORWARD chain drops by policy passes for our bridges.

The same two rules as `coexisting` appends for nftables. The kernel gives no notice when these tables change: they are
looked at when a network is made, for all networks at once at the start, and again where nftables had to be repaired.
What rules of others there say is read by `legacy_rules`, when somebody asks.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from wharf.linux import legacy_tables
from wharf.linux.legacy_tables import LegacyTablesError
from wharf.network import legacy_rules
from wharf.network.coexisting import COMMENT
from wharf.network.facts import Chain

log = logging.getLogger(__name__)

_CHAIN: Final = "FORWARD"
_MARK: Final = ("-m", "comment", "--comment", COMMENT, "-j", "ACCEPT")
_VERSIONS: Final = (4, 6)


def passing(bridge: str) -> list[tuple[str, ...]]:
    """The rules that let a bridge's packets pass, as arguments of iptables. Pure."""
    return [(_CHAIN, side, bridge, *_MARK) for side in ("-i", "-o")]


def missing(listing: Sequence[str], bridge: str) -> list[tuple[str, ...]]:
    """Those that a chain with this listing (`-S`) lacks; none where nothing is dropped by policy. Pure."""
    if f"-P {_CHAIN} DROP" not in listing:
        return []
    return [rule for rule in passing(bridge) if _line(rule) not in listing]


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
    for version in _VERSIONS:
        if bridges and legacy_tables.in_use(version):
            try:
                listing = _listing(version)
                for rule in (rule for bridge in bridges for rule in missing(listing, bridge)):
                    legacy_tables.run(version, "-A", *rule)
            except LegacyTablesError as error:
                log.warning("iptables-legacy may drop packets", extra={"bridges": [*bridges], "reason": str(error)})


def _forget(bridge: str) -> None:
    for version in _VERSIONS:
        if legacy_tables.in_use(version):
            try:
                listing = _listing(version)
                for rule in passing(bridge):
                    if _line(rule) in listing:
                        legacy_tables.run(version, "-D", *rule)
            except LegacyTablesError as error:
                log.warning("rules of iptables-legacy are left", extra={"bridge": bridge, "reason": str(error)})


def chains() -> list[Chain]:
    """What `network check` has to tell of both versions."""
    found = [
        chain
        for version in _VERSIONS
        for table in legacy_tables.names(version)
        if table in legacy_rules.PRIORITY
        for chain in _chains(version, table)
    ]
    return [chain for chain in found if chain.matters or chain.rules is None]


def _chains(version: int, table: str) -> Iterator[Chain]:
    """A table whose program is missing may drop anything."""
    try:
        yield from legacy_rules.base_chains(version, table, legacy_tables.run(version, "-t", table, "-S"))
    except LegacyTablesError:
        yield from legacy_rules.unread(version, table)


def _listing(version: int) -> Sequence[str]:
    return legacy_tables.run(version, "-S", _CHAIN)
