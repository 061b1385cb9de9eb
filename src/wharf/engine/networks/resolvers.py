"""The resolvers of containers on users' networks: who has one, what it may tell, and whom it asks for the rest."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wharf.engine.config import EngineConfig
from wharf.engine.containers.record import Container
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks import attachments
from wharf.engine.networks.directory import Directory, shuffled
from wharf.engine.networks.service import Networks
from wharf.network.dns.contract import Server
from wharf.network.dns.on_demand import OnDemand
from wharf.network.dns.sockets import Ports, open_sockets
from wharf.network.kernel import Kernel
from wharf.network.subnets import Address

log = logging.getLogger(__name__)

HOST_RESOLV_CONF: Final = Path("/etc/resolv.conf")


def needed(container: Container) -> bool:
    """Whether it is on a user's network: names are found there."""
    return any(name != attachments.DEFAULT for name in container.endpoints)


def nameservers(resolv_conf: str) -> list[str]:
    """The servers that a resolv.conf(5) names."""
    lines = (line.split() for line in resolv_conf.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


class Resolvers:
    """Of all containers, by id."""

    def __init__(self, config: EngineConfig, networks: Networks, kernel: Kernel, store: ContainerStore) -> None:
        self._config = config
        self._kernel = kernel
        self._names = _Names(networks, store)
        self._store = store
        self._open: dict[str, OnDemand] = {}

    async def open(self, id: str, namespace: int, *, again: bool = False, ports: Ports | None = None) -> None:
        """Unless it is open already; `again` where a daemon before us had one, at `ports` if known. Raises OSError."""
        if id in self._open:
            return
        opened = await self._kernel.do_inside(
            namespace, lambda kept: open_sockets(kept, self._kernel.later, again=again, ports=ports)
        )
        self._open[id] = OnDemand(opened, _View(self._names, id), lambda: self._servers(id))

    def ports(self, id: str) -> Ports | None:
        """None where none is open."""
        resolver = self._open.get(id)
        return resolver.ports if resolver is not None else None

    def close(self, id: str) -> None:
        """Lets go of the container's namespace, too. None there is fine."""
        if (resolver := self._open.pop(id, None)) is not None:
            resolver.close()

    def close_all(self) -> None:
        for id in list(self._open):
            self.close(id)

    def _servers(self, id: str) -> list[Server]:
        """Whom to ask for other names, and whether from the container's own network.

        Servers that the host names are asked from there; those of the container from where it is, as its wire may be
        another. Nobody is asked for a container that is on internal networks only.
        """
        container = self._store.get(id)
        if container is None or container.way_out is None:
            return []
        if own := container.host.dns or self._config.dns or _leased(container):
            return [Server(address, inside=True) for address in own]
        try:
            return [Server(address) for address in nameservers(HOST_RESOLV_CONF.read_text(errors="replace"))]
        except OSError:
            return []


def _leased(container: Container) -> Sequence[str]:
    """The servers that came with the address by which the container's way out leads."""
    way = container.way_out
    return way.lease.name_servers if way is not None and way.lease is not None else ()


def search(container: Container) -> Sequence[str]:
    """The domain that came with it, in which names are looked for that are not whole."""
    way = container.way_out
    return [way.lease.domain] if way is not None and way.lease is not None and way.lease.domain else ()


class _Names:
    """The names of all containers, made of the records when these have changed."""

    def __init__(self, networks: Networks, store: ContainerStore) -> None:
        self._networks = networks
        self._store = store
        self._directory = Directory()
        self._version = -1

    def directory(self) -> Directory:
        if self._version != self._store.version:
            self._directory = Directory.of(self._store)
            self._version = self._store.version
        return self._directory

    def container(self, id: str) -> Container | None:
        return self._store.get(id)

    def is_ours(self, address: Address) -> bool:
        """Whether it belongs to one of our networks."""
        subnets = (subnet for network in self._networks.all_open().values() for subnet in network.subnets)
        return any(address in subnet.network for subnet in subnets)


class _View:
    """What one container may know of the others: the names on its own networks."""

    def __init__(self, names: _Names, id: str) -> None:
        self._names = names
        self._id = id

    def _networks(self) -> list[str]:
        container = self._names.container(self._id)
        return [name for name in container.endpoints if name != attachments.DEFAULT] if container else []

    def addresses(self, name: str, version: int) -> Sequence[Address] | None:
        directory, networks = self._names.directory(), self._networks()
        known = directory.addresses(networks, name) or directory.addresses(networks, self._linked(name))
        if not known:
            return None
        found = [address for address in known if address.version == version]
        return shuffled(found) if len(found) > 1 else found

    def _linked(self, name: str) -> str:
        """The container that a link (`container:alias`) calls `name`, "" for none."""
        container = self._names.container(self._id)
        for settings in attachments.of(container).values() if container else ():
            for link in settings.links or ():
                target, _, alias = link.partition(":")
                if (alias or target).lower() == name:
                    return target.lower()
        return ""

    def names(self, address: Address) -> Sequence[str]:
        return self._names.directory().names(self._networks(), address)

    def is_private(self, name: str) -> bool:
        return self._names.directory().is_name(name)

    def is_private_address(self, address: Address) -> bool:
        return self._names.is_ours(address)
