"""A container's places in its networks, for one run: taken before it starts, connected, given back after its end."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wharf.apitypes.containers import EndpointSettings
from wharf.engine.config import EngineConfig
from wharf.engine.containers import namespaces
from wharf.engine.containers.record import Container
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks import attachments
from wharf.engine.networks.directory import Directory, rotated
from wharf.engine.networks.service import Networks
from wharf.errors import Conflict, EngineError
from wharf.linux.listener import Listener
from wharf.network import device
from wharf.network.contract import Endpoint, EndpointRequest, PortRequest, PublishedPort
from wharf.network.kernel import Kernel

if TYPE_CHECKING:
    from wharf.network.dns.resolver import Resolver

log = logging.getLogger(__name__)

HOST_RESOLV_CONF: Final = Path("/etc/resolv.conf")


def nameservers(resolv_conf: str) -> list[str]:
    """The servers that a resolv.conf(5) names."""
    lines = (line.split() for line in resolv_conf.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


class Sandboxes:
    """Of all containers. Who changes a container's networks holds its lock."""

    def __init__(
        self,
        config: EngineConfig,
        networks: Networks,
        kernel: Kernel,
        store: ContainerStore,
        bundle: Callable[[str], Path],  # where the records of a container's process are
    ) -> None:
        self.networks = networks
        self._config = config
        self._kernel = kernel
        self._store = store
        self._bundle = bundle
        self._resolvers: dict[str, Resolver] = {}
        self._directory = Directory()
        self._directory_version = -1
        self._turn = 0

    async def reserve(
        self, container: Container, ports: Sequence[PortRequest], made: AsyncExitStack
    ) -> tuple[dict[str, Endpoint], list[Listener]]:
        """An address on each network, and the host ports. `made` gives them back, unless it is emptied."""
        attached = attachments.of(container)
        way_out = attachments.way_out(attached, self.networks.is_internal)
        endpoints: dict[str, Endpoint] = {}
        listeners: list[Listener] = []
        for name, settings in attached.items():
            found = await self._reserve_one(
                container, name, settings, endpoints, ports if name == way_out else (), leads_out=name == way_out
            )
            endpoints[name] = found[0]
            made.push_async_callback(self.networks.opened(name).release, found[0])
            for listener in found[1]:
                made.callback(listener.socket.close)
            listeners += found[1]
        return endpoints, listeners

    async def _reserve_one(
        self,
        container: Container,
        name: str,
        settings: EndpointSettings,
        others: dict[str, Endpoint],
        ports: Sequence[PortRequest],
        *,
        leads_out: bool,
    ) -> tuple[Endpoint, list[Listener]]:
        network = self.networks.opened(name)
        self.networks.check_settings(name, settings)
        asked = settings.ipam_config.ipv4_address if settings.ipam_config else ""
        request = EndpointRequest(
            container.id,
            mac_address=settings.mac_address or ("" if others else container.config.mac_address),
            address=IPv4Address(asked) if asked else None,
            ports=ports,
            interface=attachments.interface(
                self.networks.interface_prefix(name), {one.inner: None for one in others.values()}
            ),
            default_route=leads_out,
        )
        try:
            return await network.reserve(request)
        except EngineError as error:
            if not ports:
                raise
            where = f"endpoint {container.name} ({container.id})"
            raise EngineError(f"driver failed programming external connectivity on {where}: {error}") from error

    async def connect(self, container: Container, namespace: int) -> None:
        """Makes the interfaces of a container that is about to start, and its resolver."""
        for name, endpoint in container.endpoints.items():
            await self.networks.opened(name).connect(endpoint, namespace)
            self.networks.publish_connection("connect", name, container.id)
        if needs_resolver(container):
            await self._open_resolver(container.id, namespace)

    async def release(self, container: Container) -> None:
        """After the end of a run, or of an attempt."""
        self.close_resolver(container.id)
        for name, endpoint in container.endpoints.items():
            network = self.networks.bridges().get(name)
            if network is not None:
                await network.release(endpoint)
                self.networks.publish_connection("disconnect", name, container.id)

    async def restore(self) -> None:
        """At the daemon's start: what the records say is in use."""
        for name, network in self.networks.bridges().items():
            try:
                await network.restore([c.endpoints[name] for c in self._store if name in c.endpoints])
            except EngineError as error:
                log.error("a network is not as it was", extra={"network": name, "reason": str(error)})

    # ── while the container runs ──

    async def join(self, container: Container, name: str, settings: EndpointSettings) -> Endpoint:
        """Connects a running container to one more network. After a failure it is as before."""
        network = self.networks.opened(name)
        others = container.endpoints
        leads_out = container.way_out is None and not network.internal
        endpoint, _ = await self._reserve_one(container, name, settings, others, (), leads_out=leads_out)
        namespace = self._namespace(container)
        try:
            await network.connect(endpoint, namespace)
            if name != attachments.DEFAULT:
                await self._open_resolver(container.id, namespace)
        except BaseException:
            # Also what goes on in the network's thread after its caller was cancelled: this comes behind it.
            with suppress(EngineError):
                await network.disconnect(endpoint, namespace)
            await network.release(endpoint)
            raise
        finally:
            os.close(namespace)
        self.networks.publish_connection("connect", name, container.id)
        return endpoint

    async def leave(self, container: Container, name: str) -> dict[str, Endpoint]:
        """Takes a running container out of a network; its endpoints afterwards."""
        endpoint = container.endpoints[name]
        rest = {other: one for other, one in container.endpoints.items() if other != name}
        network = self.networks.opened(name)
        namespace = self._namespace(container)
        try:
            await network.disconnect(endpoint, namespace)
            await network.release(endpoint)
            if endpoint.default_route:
                rest = await self._lead_out(container, rest, namespace, endpoint.ports)
        finally:
            os.close(namespace)
        if all(other == attachments.DEFAULT for other in rest):
            self.close_resolver(container.id)
        self.networks.publish_connection("disconnect", name, container.id)
        return rest

    def _namespace(self, container: Container) -> int:
        """A running container's own network namespace. The caller closes it. Raises Conflict when it has just ended."""
        namespace = namespaces.opened(self._bundle(container.id), "net")
        if namespace is None:
            raise Conflict(f"Container {container.id} is not running")
        return namespace

    async def _lead_out(
        self, container: Container, rest: dict[str, Endpoint], namespace: int, ports: Sequence[PublishedPort] = ()
    ) -> dict[str, Endpoint]:
        """Gives the default route and the published ports to the next network that has a way out."""
        attached = {name: settings for name, settings in attachments.of(container).items() if name in rest}
        name = attachments.way_out(attached, self.networks.is_internal)
        if not name:
            return rest
        chosen = rest[name].leading_out(ports)
        if ports:
            await self.networks.opened(name).take_over(chosen)
        await self._kernel.do_inside(namespace, lambda kept: device.set_default_route(chosen, kept))
        return {**rest, name: chosen}

    # ── names ──

    async def adopt(self, container: Container) -> None:
        """A container that ran on while we were away gets its resolver back, and a way out that was about to move."""
        lost = bool(container.endpoints) and container.way_out is None
        if not needs_resolver(container) and not lost:
            return
        try:
            namespace = self._namespace(container)
            try:
                if lost:
                    endpoints = await self._lead_out(container, container.endpoints, namespace)
                    self._store.update(container.with_(endpoints=endpoints))
                if needs_resolver(container):
                    await self._open_resolver(container.id, namespace)
            finally:
                os.close(namespace)
        except (OSError, Conflict) as error:
            log.warning("a container is without names", extra={"container": container.id, "reason": str(error)})

    async def _open_resolver(self, id: str, namespace: int) -> None:
        if id in self._resolvers:
            return
        # Here and not above: only engines with users' networks pay for dnspython.
        resolver, sockets = await asyncio.to_thread(_import_resolver)
        opened = await self._kernel.do_inside(namespace, lambda kept: sockets.open_sockets(kept, self._kernel.later))
        self._resolvers[id] = resolver.Resolver(opened, _View(self, id), lambda: self._servers(id))

    def close_resolver(self, id: str) -> None:
        if (resolver := self._resolvers.pop(id, None)) is not None:
            resolver.close()

    def close(self) -> None:
        for id in list(self._resolvers):
            self.close_resolver(id)

    def _servers(self, id: str) -> list[str]:
        """Whom to ask for other names. Nobody, for a container that is on internal networks only."""
        container = self._store.get(id)
        if container is None or container.way_out is None:
            return []
        try:
            return list(container.host.dns or self._config.dns) or nameservers(HOST_RESOLV_CONF.read_text())
        except OSError:
            return []

    def directory(self) -> Directory:
        if self._directory_version != self._store.version:
            self._directory = Directory.of(self._store)
            self._directory_version = self._store.version
        return self._directory

    def turn(self) -> int:
        self._turn += 1
        return self._turn

    def container(self, id: str) -> Container | None:
        return self._store.get(id)

    def is_ours(self, address: IPv4Address) -> bool:
        """Whether it belongs to one of our networks."""
        return any(address in network.subnet for network in self.networks.bridges().values())


class _View:
    """What one container may know of the others: the names on its own networks."""

    def __init__(self, sandboxes: Sandboxes, id: str) -> None:
        self._sandboxes = sandboxes
        self._id = id

    def _networks(self) -> list[str]:
        container = self._sandboxes.container(self._id)
        return [name for name in container.endpoints if name != attachments.DEFAULT] if container else []

    def addresses(self, name: str) -> Sequence[IPv4Address]:
        directory, networks = self._sandboxes.directory(), self._networks()
        found = directory.addresses(networks, name) or directory.addresses(networks, self._linked(name))
        return rotated(found, self._sandboxes.turn()) if len(found) > 1 else found

    def _linked(self, name: str) -> str:
        """The container that a link (`container:alias`) calls `name`, "" for none."""
        container = self._sandboxes.container(self._id)
        for settings in attachments.of(container).values() if container else ():
            for link in settings.links or ():
                target, _, alias = link.partition(":")
                if (alias or target).lower() == name:
                    return target.lower()
        return ""

    def names(self, address: IPv4Address) -> Sequence[str]:
        return self._sandboxes.directory().names(self._networks(), address)

    def is_private(self, name: str) -> bool:
        return self._sandboxes.directory().is_name(name)

    def is_private_address(self, address: IPv4Address) -> bool:
        return self._sandboxes.is_ours(address)


def needs_resolver(container: Container) -> bool:
    """Whether it is on a user's network: names are found there."""
    return any(name != attachments.DEFAULT for name in container.endpoints)


def _import_resolver():  # type: ignore[no-untyped-def]  # two modules
    from wharf.network.dns import resolver, sockets

    return resolver, sockets
