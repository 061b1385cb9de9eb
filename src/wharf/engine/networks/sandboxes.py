"""A container's places in its networks, for one run: taken before it starts, connected, given back after its end."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from wharf.apitypes.containers import EndpointIPAMConfig, EndpointSettings
from wharf.engine.config import EngineConfig
from wharf.engine.containers import namespaces
from wharf.engine.containers.ports import requests as port_requests
from wharf.engine.containers.record import Container
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks import attachments, endpoint_settings, leading, resolvers
from wharf.engine.networks.leading import Places
from wharf.engine.networks.resolvers import Resolvers
from wharf.engine.networks.service import Networks
from wharf.errors import Conflict, EngineError
from wharf.linux.listener import Listener, Redirection
from wharf.network import inner
from wharf.network.contract import Endpoint, EndpointRequest, PortRequest
from wharf.network.kernel import Kernel
from wharf.runtime.contract import Monitor

log = logging.getLogger(__name__)


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
        self._published_through = config.bridge.published_through
        self.resolvers = Resolvers(config, networks, kernel, store)
        self._kernel = kernel
        self._store = store
        self._bundle = bundle

    async def reserve(self, container: Container, made: AsyncExitStack) -> tuple[dict[str, Endpoint], list[Listener]]:
        """Addresses on each network, and the host ports. `made` gives them back, unless it is emptied."""
        wanted = self._wanted(container)
        attached = attachments.of(container)
        ways = attachments.ways_out(attached, self.networks.leads_out)
        endpoints: dict[str, Endpoint] = {}
        listeners: list[Listener] = []
        for name in attached:
            request = self._request(container, attached, name, endpoints)
            leading = replace(
                request,
                ports=wanted if name == attachments.publishing(ways) else (),
                default_route=ways.get(4) == name,
                default_route6=ways.get(6) == name,
            )
            endpoint, held = await self._reserve_one(container, name, leading)
            endpoints[name] = endpoint
            made.push_async_callback(self.networks.opened(name).release, endpoint)
            for listener in held:
                made.callback(listener.socket.close)
            listeners += held
        return endpoints, listeners

    def _wanted(self, container: Container) -> Sequence[PortRequest]:
        """What it is to publish, open or not. Raises InvalidArgument."""
        return list(port_requests(container.config, container.host, self._published_through))

    def _request(
        self, container: Container, attached: Mapping[str, EndpointSettings], name: str, others: Mapping[str, Endpoint]
    ) -> EndpointRequest:
        """What a container asks of one of its networks. Raises InvalidArgument for what that cannot give."""
        settings = attached[name]
        self.networks.check_settings(name, settings)
        asked = settings.ipam_config or EndpointIPAMConfig()
        names = {one.inner for one in others.values()}
        chosen = {endpoint_settings.interface(one) for other, one in attached.items() if other != name}
        interface = endpoint_settings.interface(settings)
        if interface in names:
            raise Conflict(f"the container has an interface {interface} already")
        return EndpointRequest(
            container.id,
            mac_address=settings.mac_address or ("" if others else container.config.mac_address),
            address=IPv4Address(asked.ipv4_address) if asked.ipv4_address else None,
            address6=IPv6Address(asked.ipv6_address) if asked.ipv6_address else None,
            link_local=asked.link_local_ips,
            interface=interface or attachments.interface(self.networks.interface_prefix(name), names | chosen),
            sysctls=endpoint_settings.sysctls(settings),
            host_name=container.config.hostname,
        )

    async def _reserve_one(
        self, container: Container, name: str, request: EndpointRequest
    ) -> tuple[Endpoint, list[Listener]]:
        with _told_of_ports(container) if request.ports else nullcontext():
            return await self.networks.opened(name).reserve(request)

    async def connect(self, container: Container, namespace: int, made: AsyncExitStack) -> dict[str, Endpoint]:
        """Makes the interfaces of a container that is about to start, and its resolver; its endpoints afterwards.

        Its loopback comes up in any case. `made` tells that it has left the networks again, unless it is emptied.
        """
        if not container.endpoints:
            await self._kernel.do_inside(namespace, inner.wake)
        connected = {}
        for name, endpoint in container.endpoints.items():
            connected[name] = await self.networks.opened(name).connect(endpoint, namespace)
            self.networks.publish_connection("connect", name, container.id)
            made.callback(self.networks.publish_connection, "disconnect", name, container.id)
        if resolvers.needed(container):
            await self.resolvers.open(container.id, namespace)
        return connected

    def give_up(self, container: str) -> bool:
        """Ends a wait for a network's server, so that connect() or join() fails. Returns whether there was one."""
        return self._kernel.waits.give_up(container)

    async def release(self, container: Container) -> None:
        """After the end of a run, or of an attempt."""
        self.resolvers.close(container.id)
        for guest in self._store.guests(container.id) if container.endpoints else ():
            await self._take_from(guest, container)
        for name, endpoint in container.endpoints.items():
            network = self.networks.all_open().get(name)
            if network is not None:
                await network.release(endpoint)
                self.networks.publish_connection("disconnect", name, container.id)

    async def _take_from(self, guest: Container, container: Container) -> None:
        """Who has joined a container's network keeps the namespace, but not addresses that others get now."""
        namespace = namespaces.opened(self._bundle(guest.id), "net")
        if namespace is None:
            return
        try:
            for name, endpoint in container.endpoints.items():
                try:
                    await self.networks.opened(name).disconnect(endpoint, namespace)
                except EngineError as error:
                    _complain(guest, error)
        finally:
            os.close(namespace)

    async def restore(self) -> None:
        """At the daemon's start: what the records say is in use."""
        for name, network in self.networks.all_open().items():
            try:
                await network.restore([c.endpoints[name] for c in self._store if name in c.endpoints])
            except EngineError as error:
                log.error("a network is not as it was", extra={"network": name, "reason": str(error)})
                self.networks.repair_soon()

    # ── while the container runs ──

    async def join(self, container: Container, name: str, settings: EndpointSettings, monitor: Monitor) -> Places:
        """Connects a running container to one more network; its places afterwards.

        The way out and published ports may move to the new network, and those open that it has started without. After
        a failure all is as before.
        """
        attached = {**attachments.of(container), name: settings}
        request = self._request(container, attached, name, container.endpoints)
        namespace = self._namespace(container)
        try:
            endpoint, _ = await self._reserve_one(
                container, name, replace(request, default_route=False, default_route6=False)
            )
            places = await self._joined(container, endpoint, attached, namespace, monitor)
        finally:
            os.close(namespace)
        self.networks.publish_connection("connect", name, container.id)
        return places

    async def _joined(
        self,
        container: Container,
        endpoint: Endpoint,
        attached: Mapping[str, EndpointSettings],
        namespace: int,
        monitor: Monitor,
    ) -> Places:
        """Its places with an endpoint that is reserved. After a failure that is given back, and all is as before."""
        network = self.networks.opened(endpoint.network)
        joined: Places | None = None
        try:
            endpoint = await network.connect(endpoint, namespace)
            if network.name != attachments.DEFAULT:
                await self.resolvers.open(container.id, namespace)
            joined = Places({**container.endpoints, network.name: endpoint}, tuple(container.parked_ports))
            places = await self._settle(joined, self._settled(joined, attached), namespace)
            await network.carry(endpoint, namespace)
            return await self._opened(container, places, monitor) if places.home == network.name else places
        except BaseException:
            # Also what goes on in the network's thread after its caller was cancelled: this comes behind it.
            if joined is not None:
                with suppress(EngineError):
                    await self._settle(self._settled(joined, attached), joined, namespace)
            with suppress(EngineError):
                await network.disconnect(endpoint, namespace)
            await network.release(endpoint)
            if not resolvers.needed(container):
                self.resolvers.close(container.id)
            raise

    def leaving(self, container: Container, name: str) -> Places:
        """What is left to a container when it leaves a network; its ports where they will be, ways out as they are."""
        rest = places_of(container).without(name)
        return rest.ported_as(self._settled(rest, attachments.of(container)))

    async def leave(self, container: Container, name: str, monitor: Monitor) -> Places:
        """Takes a running container out of a network; its places afterwards. Raises EngineError where it stays in."""
        endpoint = container.endpoints[name]
        rest = places_of(container).without(name)
        places = self._settled(rest, attachments.of(container))
        network = self.networks.opened(name)
        namespace = self._namespace(container)
        try:
            await network.disconnect(endpoint, namespace)
            await network.release(endpoint)
            try:
                await self._settle(rest, places, namespace)
                places = await self._opened(container, places, monitor)
            except EngineError as error:
                _complain(container, error)  # it has left all the same, and the next daemon settles the rest
        finally:
            os.close(namespace)
        if all(other == attachments.DEFAULT for other in places.endpoints):
            self.resolvers.close(container.id)
        self.networks.publish_connection("disconnect", name, container.id)
        return places

    def _namespace(self, container: Container) -> int:
        """A running container's own network namespace. The caller closes it. Raises Conflict when it has just ended."""
        namespace = namespaces.opened(self._bundle(container.id), "net")
        if namespace is None:
            raise Conflict(f"Container {container.id} is not running")
        return namespace

    def _settled(self, places: Places, attached: Mapping[str, EndpointSettings]) -> Places:
        return leading.settled(places, attached, self.networks.leads_out, self.networks.publishes)

    async def _settle(self, now: Places, wanted: Places, namespace: int) -> Places:
        """Brings ways out and published ports where they are wanted, and returns that."""
        moved = [one for name, one in wanted.endpoints.items() if one.ports != now.endpoints[name].ports]
        # Closed at the old place first: one host port leads to one place.
        for endpoint in sorted(moved, key=lambda one: bool(one.ports)):
            await self.networks.opened(endpoint.network).republish(endpoint)
        if wanted.endpoints != now.endpoints:
            ends = list(wanted.endpoints.values())
            try:
                await self._kernel.do_inside(namespace, lambda kept: inner.lead_out(ends, kept))
            except OSError as error:
                raise EngineError(f"failed to move the container's default route: {error}") from error
        return wanted

    async def _opened(self, container: Container, places: Places, monitor: Monitor) -> Places:
        """With the ports open that it is to publish, and has not so far, as no network of it could.

        The shim has their sockets. Raises EngineError, and then none is open.
        """
        if not places.home or places.ports or not (wanted := self._wanted(container)):
            return places
        network, closed = self.networks.opened(places.home), places.endpoints[places.home]
        with _told_of_ports(container):
            endpoint, listeners = await network.publish(closed, wanted)
        try:
            await monitor.hold(listeners)
        except BaseException:
            with suppress(EngineError):
                await network.republish(closed)
            with suppress(EngineError):
                await monitor.hold(())
            raise
        finally:
            for listener in listeners:
                listener.socket.close()
        return places.opened(endpoint)

    async def redirect(self, container: Container, monitor: Monitor) -> None:
        """Tells the shim where the ports lead that it holds, after a change. A shim that cannot be told has ended."""
        found = [Redirection(port.host_ip, port.host_port, port.protocol) for port in container.parked_ports]
        for name, endpoint in container.endpoints.items():
            found += self.networks.opened(name).redirections(endpoint)
        if found:
            with suppress(EngineError):
                await monitor.redirect(found)

    async def lead_out_again(self, container: Container) -> None:
        """After a change of the addresses of its networks. Raises Conflict, OSError."""
        namespace = self._namespace(container)
        try:
            ends = list(container.endpoints.values())
            await self._kernel.do_inside(namespace, lambda kept: inner.lead_out(ends, kept))
        finally:
            os.close(namespace)

    # ── when the daemon comes back ──

    async def adopt(self, container: Container, monitor: Monitor) -> None:
        """A container that ran on while we were away gets its resolver back, and an end to what was half-done.

        Raises OSError, EngineError; what has been done by then is not done again by the next try.
        """
        if not container.endpoints:
            return  # none is left, or it never had any
        namespace = self._namespace(container)
        try:
            await self._take_up(container, monitor, namespace)
        finally:
            os.close(namespace)

    async def _take_up(self, container: Container, monitor: Monitor, namespace: int) -> None:
        # First, since it needs nothing of what a container may have made of its interfaces.
        if resolvers.needed(container):
            await self.resolvers.open(container.id, namespace, again=True, ports=container.resolver)
            if (ports := self.resolvers.ports(container.id)) != container.resolver:
                self._change(container.id, resolver=ports)
        # A change that was cut off has left the way out without a network.
        now, attached = places_of(container), attachments.of(container)
        places = await self._settle(now, self._settled(now, attached), namespace)
        if not now.hold and self._wanted(container):
            try:
                await monitor.hold(())  # what the last daemon opened, and did not live to record
                places = await self._opened(container, places, monitor)
            except EngineError as error:
                _complain(container, error)
        if places != now:
            container = placed(container, places)
            self._change(container.id, endpoints=container.endpoints, parked_ports=container.parked_ports)
        if len(attached) > 1 or places != now:
            await self.redirect(container, monitor)
        ends = list(places.endpoints.values())
        await self._kernel.do_inside(namespace, lambda kept: inner.settle(ends, kept))
        for name, endpoint in places.endpoints.items():
            await self.networks.opened(name).resume(endpoint, namespace)

    def _change(self, id: str, **changes: object) -> None:
        """Of the record as it is by now: others write theirs while a container is taken up, such as a restart's."""
        if (current := self._store.get(id)) is not None:
            self._store.update(current.with_(**changes))


@contextmanager
def _told_of_ports(container: Container) -> Iterator[None]:
    """A failure to publish them, in dockerd's words and with its status."""
    try:
        yield
    except EngineError as error:
        where = f"endpoint {container.name} ({container.id})"
        raise EngineError(f"driver failed programming external connectivity on {where}: {error}") from error


def _complain(container: Container, error: Exception) -> None:
    log.warning(
        "a container's networks are not as they should be", extra={"container": container.id, "reason": str(error)}
    )


def places_of(container: Container) -> Places:
    return Places(container.endpoints, tuple(container.parked_ports))


def placed(container: Container, places: Places) -> Container:
    return container.with_(endpoints=dict(places.endpoints), parked_ports=list(places.parked))
