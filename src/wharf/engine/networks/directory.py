"""Who is called what on which network, made of the containers' records. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from wharf.engine.containers.record import Container
from wharf.engine.networks import attachments
from wharf.network.subnets import Address

_Names = dict[str, list[Address]]


@dataclass(slots=True)
class Directory:
    """The names of all users' networks. Names are lower case."""

    by_name: dict[str, _Names] = field(default_factory=dict)  # network → name → addresses
    by_address: dict[str, dict[Address, str]] = field(default_factory=dict)
    all_names: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, containers: Iterable[Container]) -> "Directory":
        made = cls()
        for container in containers:
            attached = attachments.of(container) if container.endpoints else {}
            for network, endpoint in container.endpoints.items():
                if network == attachments.DEFAULT:
                    continue
                addresses = [ip_address(text) for text in endpoint.addresses]
                names = made.by_name.setdefault(network, {})
                for name in attachments.dns_names(container, attached[network]):
                    names.setdefault(name.lower(), []).extend(addresses)
                    made.all_names.add(name.lower())
                made.by_address.setdefault(network, {}).update(dict.fromkeys(addresses, container.name))
        return made

    def addresses(self, networks: Iterable[str], name: str) -> Sequence[Address]:
        """Of `name`, or of `name.network`, on one of these networks."""
        first, _, last = name.rpartition(".")
        for network in networks:
            known = self.by_name.get(network, {})
            if found := known.get(name) or (known.get(first) if last == network.lower() else None):
                return found
        return ()

    def names(self, networks: Iterable[str], address: Address) -> Sequence[str]:
        for network in networks:
            if found := self.by_address.get(network, {}).get(address):
                return [f"{found}.{network}"]
        return ()

    def is_name(self, name: str) -> bool:
        """Whether a container of any network is called so."""
        first, _, last = name.rpartition(".")
        return name in self.all_names or (first in self.all_names and last in map(str.lower, self.by_name))


def rotated(addresses: Sequence[Address], turn: int) -> Sequence[Address]:
    """The same addresses with another one first: clients take the first, and so all get their share."""
    start = turn % len(addresses) if addresses else 0
    return [*addresses[start:], *addresses[:start]]
