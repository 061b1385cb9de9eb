"""Who is called what on which network, made of the containers' records. Pure."""

import random
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
        """Whether a container of any network is called so, and nobody else can be.

        A container's name, or that of its host, may have dots and be one of the world outside as well.
        """
        first, dot, last = name.rpartition(".")
        if not dot:
            return name in self.all_names
        return any(network.lower() == last and first in names for network, names in self.by_name.items())


def shuffled(addresses: Sequence[Address]) -> Sequence[Address]:
    """The same addresses with any one first: clients take the first, and so all get their share.

    Not each in its turn: a client that asks for two names by turns would get the same ones for ever.
    """
    start = random.randrange(len(addresses)) if addresses else 0
    return [*addresses[start:], *addresses[:start]]
