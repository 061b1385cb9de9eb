"""The nftables tables of one bridge in the kernel: made, kept, and made anew when somebody else removed them.

For the kernel's thread only (see `kernel.Kernel.do`).
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from wharf.linux.nftables import NftablesError
from wharf.network import coexisting, forwarding, passing, returning, sources
from wharf.network.contract import Endpoint
from wharf.network.endpoints import Endpoints
from wharf.network.families import FAMILY, Family
from wharf.network.firewall import Ruleset
from wharf.network.kernel import Kernel
from wharf.network.openings import elements
from wharf.network.settings import BridgeSettings

log = logging.getLogger(__name__)


class Tables:
    """One table for each version of IP that the network has, where there is a firewall."""

    def __init__(self, settings: BridgeSettings, kernel: Kernel, endpoints: Endpoints) -> None:
        self._settings = settings
        self._bridge = settings.name
        self._kernel = kernel
        self._endpoints = endpoints
        self._open: set[str] = set()  # ids of endpoints whose elements are in the tables
        self._rules = {
            FAMILY[subnet.version]: Ruleset.of(settings, subnet)
            for subnet in settings.subnets
            if settings.filters(subnet.version)
        }
        # Where containers send by the host, which has to know the way back to them.
        self._sent = {
            FAMILY[subnet.version]: subnet
            for subnet in settings.subnets
            if settings.hosts(subnet) and settings.filters(subnet.version)
        }
        self._guarded: set[Family] = set()  # where we made the host a router, and keep strangers from it
        self._removed = False
        self._chains: dict[Family, str] = {}  # of each table, as the kernel lists them

    def open(self) -> None:
        """Lets the host route for the bridge; makes the tables unless they are there. Raises NftablesError, OSError."""
        for family in self._rules:
            if forwarding.begin(self._kernel.nftables(), self._bridge, family, self._settings.forwarding):
                self._guarded.add(family)
        for family, subnet in self._sent.items():
            sources.begin(self._kernel.nftables(), self._bridge, subnet, family)
        if self._rules:
            coexisting.begin(self._kernel.nftables(), self._bridge)
        for family in self._rules:
            if not self._kernel.nftables().has(self._rules[family].table):
                self._replace(family)
        if self._rules:
            self._kernel.legacy.admit(self._bridge)

    def remove(self) -> None:
        """The tables go. Raises NftablesError."""
        self._removed = True
        for rules in self._rules.values():
            self._kernel.nftables().run(rules.remove())
            passing.end(self._kernel.nftables(), rules.family)
        for family, subnet in self._sent.items():
            sources.end(self._kernel.nftables(), self._bridge, subnet, family)
        if self._rules:
            coexisting.end(self._kernel.nftables(), self._bridge)
            self._kernel.legacy.dismiss(self._bridge)

    def close(self) -> None:
        """The bridge is gone: nothing is forwarded for it any more. Raises NftablesError, OSError."""
        for family in self._rules:
            forwarding.end(self._kernel.nftables(), self._bridge, family)
            returning.end(self._kernel.routes(), self._kernel.nftables(), family)

    def rebuild(self) -> None:
        """All anew, with what is open. Raises NftablesError."""
        for family in self._rules:
            self._replace(family)

    def repair(self) -> None:
        """Puts back what somebody else's change of the firewall has taken from us. Raises NftablesError."""
        if not self._rules or self._removed:
            return  # a repair that our own removal has set off
        nftables = self._kernel.nftables()
        for family in self._guarded:
            forwarding.keep(nftables, self._bridge, family)
        coexisting.begin(nftables, self._bridge)
        for family, subnet in self._sent.items():
            sources.begin(nftables, self._bridge, subnet, family)
        for family, chains in self._chains.items():
            if self._listed_chains(family) != chains:
                log.warning("somebody else changed our firewall rules: made anew", extra={"bridge": self._bridge})
                self._kernel.legacy.doubt()
                self._replace(family)

    def _replace(self, family: Family) -> None:
        opened = [one for one in self._endpoints if one.id in self._open]
        entries = (entry for endpoint in opened for entry in self._elements(endpoint, family))
        self._kernel.nftables().run(self._rules[family].replace(entries))
        self._chains[family] = self._listed_chains(family)

    def _listed_chains(self, family: Family) -> str:
        """The part of the rules that never changes; "" when some are gone."""
        rules, nftables = self._rules[family], self._kernel.nftables()
        try:
            passed = passing.listed(nftables, family, self._bridge, internal=rules.internal)
            return passed and passed + nftables.run(f"list table {rules.table}").partition("\tchain ")[2]
        except NftablesError:
            return ""

    def _elements(self, endpoint: Endpoint, family: Family) -> list[tuple[str, str]]:
        settings = self._settings
        return elements(endpoint, family, settings.mode_of(family.version), trusting=bool(settings.trusted))

    def expect(self, endpoints: Iterable[Endpoint]) -> None:
        """Their ports are open since before we began, or will be by rebuild(), else by repair()."""
        for family in self._rules:
            self._chains.setdefault(family, "")
        found = list(endpoints)
        self._open |= {endpoint.id for endpoint in found}
        if any(map(_needs_returns, found)):
            self._rules = {family: replace(rules, returns=True) for family, rules in self._rules.items()}

    def publish(self, endpoint: Endpoint) -> None:
        """Opens the ports of an endpoint. Raises NftablesError."""
        if _needs_returns(endpoint):
            self._let_return()
        if endpoint.ports:
            # Noted first: a table made anew, should it be needed, then has them.
            self._open.add(endpoint.id)
            self._change(endpoint, Ruleset.add)

    def _let_return(self) -> None:
        """The first such port brings what they need, which stays."""
        for family, rules in list(self._rules.items()):
            returning.begin(self._kernel.routes(), family)
            if not rules.returns:
                self._rules[family] = replace(rules, returns=True)
                self._replace(family)

    def withdraw(self, endpoint: Endpoint) -> None:
        """Closes them. Raises NftablesError."""
        # Looked at here, behind a connect() whose caller was cancelled and which still went on in this thread.
        if endpoint.id in self._open:
            self._open.discard(endpoint.id)
            self._change(endpoint, Ruleset.delete)

    def _change(self, endpoint: Endpoint, how: Callable[[Ruleset, list[tuple[str, str]]], str]) -> None:
        """Changes the tables; one that someone else has emptied or removed is made anew."""
        for family, rules in self._rules.items():
            entries = self._elements(endpoint, family)
            if not entries:
                continue
            try:
                self._kernel.nftables().run(how(rules, entries))
            except NftablesError as error:
                log.warning("nftables table made anew", extra={"table": rules.table, "reason": str(error)})
                self._replace(family)


def _needs_returns(endpoint: Endpoint) -> bool:
    return any(port.through_input for port in endpoint.ports)
