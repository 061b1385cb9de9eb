"""Who is called what on which network, made of the containers' records. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from wharf.engine.containers.record import Container
from wharf.engine.networks import attachments

_Names = dict[str, list[IPv4Address]]


@dataclass(slots=True)
class Directory:
    """The names of all users' networks. Names are lower case."""

    by_name: dict[str, _Names] = field(default_factory=dict)  # network → name → addresses
    by_address: dict[str, dict[IPv4Address, str]] = field(default_factory=dict)
    all_names: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, containers: Iterable[Container]) -> "Directory":
        made = cls()
        for container in containers:
            attached = attachments.of(container) if container.endpoints else {}
            for network, endpoint in container.endpoints.items():
                if network == attachments.DEFAULT:
                    continue
                address = IPv4Address(endpoint.address)
                names = made.by_name.setdefault(network, {})
                for name in attachments.dns_names(container, attached[network]):
                    names.setdefault(name.lower(), []).append(address)
                    made.all_names.add(name.lower())
                made.by_address.setdefault(network, {})[address] = container.name
        return made

    def addresses(self, networks: Iterable[str], name: str) -> Sequence[IPv4Address]:
        """Of `name`, or of `name.network`, on one of these networks."""
        first, _, last = name.rpartition(".")
        for network in networks:
            known = self.by_name.get(network, {})
            if found := known.get(name) or (known.get(first) if last == network.lower() else None):
                return found
        return ()

    def names(self, networks: Iterable[str], address: IPv4Address) -> Sequence[str]:
        for network in networks:
            if found := self.by_address.get(network, {}).get(address):
                return [f"{found}.{network}"]
        return ()

    def is_name(self, name: str) -> bool:
        """Whether a container of any network is called so."""
        first, _, last = name.rpartition(".")
        return name in self.all_names or (first in self.all_names and last in map(str.lower, self.by_name))


def rotated(addresses: Sequence[IPv4Address], turn: int) -> Sequence[IPv4Address]:
    """The same addresses with another one first: clients take the first, and so all get their share."""
    start = turn % len(addresses) if addresses else 0
    return [*addresses[start:], *addresses[:start]]
