"""A bridge network: containers on one bridge of the host, with translated addresses and published ports."""

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from wharf.errors import EngineError, Unavailable
from wharf.linux.listener import Listener, Redirection
from wharf.linux.nftables import NftablesError
from wharf.network import device, forwarding, reservation, wiring
from wharf.network.contract import Endpoint, EndpointRequest, PortRequest
from wharf.network.endpoints import Endpoints
from wharf.network.families import FAMILY
from wharf.network.ipam import Usage
from wharf.network.kernel import Kernel
from wharf.network.ports import HostPort
from wharf.network.settings import BridgeSettings, GatewayMode
from wharf.network.subnets import Interface, Network, Subnet, choose_subnet
from wharf.network.tables import Tables

log = logging.getLogger(__name__)

#: Seconds between two looks whether packets pass a new cable, and how often to look.
_LOOK, _LOOKS = 0.002, 250


class BridgeNetwork:
    """One bridge. When it cannot be opened, the engine still runs: `unavailable` says why, and reserve() raises it."""

    def __init__(self, id: str, settings: BridgeSettings, kernel: Kernel, *, name: str = "bridge") -> None:
        self.id = id
        self.name = name
        self.unavailable = "the bridge is not open"
        self._kernel = kernel
        self._used = kernel.published
        self._index = 0
        self._claim: socket.socket | None = None
        self._place(settings)

    def _place(self, settings: BridgeSettings) -> None:
        self._settings = settings
        self._endpoints = Endpoints(self.id, self.name, settings.subnets)
        self._tables = Tables(settings, self._kernel, self._endpoints)

    @property
    def settings(self) -> BridgeSettings:
        """With the subnet that was chosen where none was given."""
        return self._settings

    @property
    def subnets(self) -> Sequence[Subnet]:
        return self._settings.subnets

    @property
    def publishes(self) -> bool:
        return not self._settings.internal

    @property
    def in_use(self) -> bool:
        return len(self._endpoints) > 0

    def leads_out(self, version: int) -> bool:
        """See Network."""
        return not self._settings.internal and any(subnet.version == version for subnet in self.subnets)

    def usage(self) -> Mapping[Network, Usage]:
        return self._endpoints.addresses.usage()

    # ── life ──

    async def open(self) -> None:
        """Makes the bridge and its tables. Never raises: see `unavailable`."""
        if self._settings.name == "none":
            self.unavailable = "the default bridge is switched off (bridge: none)"
            return
        try:
            await self._kernel.do(self._open)
            self.unavailable = ""
            if self._has_rules:
                await self._kernel.zones.admit(self._settings.name)
        except (EngineError, NftablesError, OSError) as error:
            self._let_go()
            self.unavailable = str(error)
            log.warning("no bridge network", extra={"bridge": self._settings.name, "reason": str(error)})

    def _open(self) -> None:
        name = self._settings.name
        self._claim = device.claim(name)
        was_there = self._kernel.routes().link(name) is not None
        try:
            self._make()
        except BaseException:
            if not was_there:
                self._undo()
            raise

    def _undo(self) -> None:
        """Each part that may have been made; what cannot go does not keep the others."""
        for step in (self._tables.remove, self._delete_bridge, self._tables.close):
            with suppress(NftablesError, OSError):
                step()

    def _delete_bridge(self) -> None:
        device.delete_bridge(self._settings.name, self._kernel.later)

    def _make(self) -> None:
        if self._has_rules:
            self._kernel.nftables()  # without it there shall be no bridge either
        self._place(self._with_subnet())
        settings = self._settings
        self._index = device.ensure_bridge(
            self._kernel.routes(), settings.name, self._own_addresses(), settings.mtu, ipv6=self._has(6)
        )
        device.allow_local_clients(settings.name, allowed=settings.firewall)
        for version in {subnet.version for subnet in settings.subnets if not settings.filters(subnet.version)}:
            forwarding.begin(None, settings.name, FAMILY[version], settings.forwarding)
        # Tables that an engine before us left go on working until restore() replaces them.
        self._tables.open()

    @property
    def _has_rules(self) -> bool:
        return self._settings.firewall or self._settings.firewall6

    def _with_subnet(self) -> BridgeSettings:
        """The settings with an IPv4 subnet: the one that the bridge has already, or a free one."""
        settings = self._settings
        if not settings.ipv4 or self._has(4):
            return settings
        has = device.addresses_of(self._kernel.routes(), settings.name)
        own = next((address for address in has if address.version == 4), None)
        if own is not None:
            found = Subnet(own.network, own.ip)
        else:
            network = choose_subnet(settings.pools, [*self._kernel.used_networks(), *settings.others], 4)
            found = Subnet(network, network[1])
        return replace(settings, subnets=(found, *settings.subnets))

    def _has(self, version: int) -> bool:
        return any(subnet.version == version for subnet in self.subnets)

    def _own_addresses(self) -> list[Interface]:
        return [subnet.interface for subnet in self.subnets if self._settings.hosts(subnet)]

    async def close(self) -> None:
        """Leaves bridge and rules to containers that go on running; without any, both are removed."""
        if not self.unavailable and not self._endpoints:
            try:
                await self._kernel.do(self._remove)
                await self._kernel.zones.dismiss(self._settings.name)
            except (NftablesError, OSError) as error:
                log.warning("bridge not removed", extra={"bridge": self._settings.name, "reason": str(error)})
        self._let_go()

    def _remove(self) -> None:
        self._tables.remove()
        try:
            self._delete_bridge()
        finally:  # a bridge that stays shall not keep the host a router
            self._tables.close()

    def _let_go(self) -> None:
        self.unavailable = self.unavailable or "the bridge is closed"
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    # ── endpoints ──

    async def reserve(self, request: EndpointRequest) -> tuple[Endpoint, list[Listener]]:
        """See Network. Raises Unavailable when the bridge could not be opened."""
        self._require_open()
        settings = self._settings
        endpoint = self._endpoints.admit(
            replace(
                request,
                default_route=request.default_route and self.leads_out(4),
                default_route6=request.default_route6 and self.leads_out(6),
            ),
            interface="veth",
            with_gateway=not settings.internal,
        )
        try:
            endpoint, listeners = self._with_ports(endpoint, request.ports)
        except BaseException:
            self._endpoints.forget(endpoint)
            self._endpoints.release(endpoint)
            raise
        self._endpoints.note(endpoint)
        return endpoint, listeners

    def _with_ports(self, endpoint: Endpoint, asked: Sequence[PortRequest]) -> tuple[Endpoint, list[Listener]]:
        ports, listeners = reservation.reserve(
            asked, self._target(endpoint), self._used, default=self._settings.publish_address
        )
        return endpoint.with_ports(ports), listeners

    def _require_open(self) -> None:
        if self.unavailable:
            raise Unavailable(f"network {self.name} is not available: {self.unavailable}")

    def _target(self, endpoint: Endpoint) -> reservation.Target:
        settings = self._settings
        return reservation.Target(
            endpoint.address,
            endpoint.address6,
            translated=frozenset(filter(settings.filters, (4, 6))),
            routed=frozenset(version for version in (4, 6) if settings.mode_of(version) is GatewayMode.ROUTED),
            networks={subnet.version: str(subnet.network) for subnet in settings.subnets},
        )

    async def connect(self, endpoint: Endpoint, namespace: int) -> Endpoint:
        """See Network. Raises EngineError; the caller then releases the endpoint."""
        self._require_open()
        try:
            await self._kernel.do_inside(namespace, lambda kept: self._connect(endpoint, kept))
        except (NftablesError, OSError) as error:
            raise EngineError(f"failed to set up the container's network: {error}") from error
        return endpoint

    def _connect(self, endpoint: Endpoint, namespace: int) -> None:
        wiring.connect(
            self._kernel.routes(),
            self._index,
            endpoint,
            namespace,
            mtu=self._settings.mtu,
            # The rules do it where they can: isolated ports also lose neighbours' published ports.
            isolated=not self._settings.inter_container and not device.bridge_is_filtered(ipv6=self._has(6)),
        )
        self._tables.publish(endpoint)

    async def carry(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network."""
        name, routes = self._settings.name, self._kernel.routes
        with suppress(OSError):
            for _ in range(_LOOKS):
                if await self._kernel.do_inside(namespace, lambda kept: wiring.carries(routes(), name, endpoint, kept)):
                    return
                await asyncio.sleep(_LOOK)

    async def publish(self, endpoint: Endpoint, ports: Sequence[PortRequest]) -> tuple[Endpoint, list[Listener]]:
        """See Network."""
        opened, listeners = self._with_ports(endpoint, ports)
        try:
            await self.republish(opened)
        except BaseException:
            for listener in listeners:
                listener.socket.close()
            with suppress(EngineError):
                await self.republish(endpoint)
            raise
        return opened, listeners

    async def republish(self, endpoint: Endpoint) -> None:
        """See Network."""
        before = self._endpoints.known(endpoint)
        try:
            if before is not None and before.ports:
                self._endpoints.note(before.with_ports(()))  # none is its own any more, whatever comes of it
                try:
                    await self._kernel.do(lambda: self._tables.withdraw(before))
                finally:
                    reservation.release(before.ports, self._used)
            self._endpoints.note(endpoint)
            self._note_ports(endpoint)
            await self._kernel.do(lambda: self._tables.publish(endpoint))
        except (NftablesError, OSError) as error:
            raise EngineError(f"failed to publish ports by network {self.name}: {error}") from error

    def redirections(self, endpoint: Endpoint) -> list[Redirection]:
        """See Network."""
        return list(reservation.redirections(endpoint.ports, self._target(endpoint)))

    def _note_ports(self, endpoint: Endpoint) -> None:
        for port in endpoint.ports:
            if port.host_port:
                self._used.add(HostPort(port.host_ip, port.host_port, port.protocol))

    async def disconnect(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. Raises EngineError."""
        try:
            await self._kernel.do(lambda: wiring.disconnect(endpoint, self._kernel.later))
        except OSError as error:
            raise EngineError(f"failed to take the container out of network {self.name}: {error}") from error

    async def release(self, endpoint: Endpoint) -> None:
        """See Network."""
        if not self._endpoints.forget(endpoint):
            return
        if not self.unavailable:
            try:
                await self._kernel.do(lambda: self._take_away(endpoint))
            except (NftablesError, OSError) as error:
                log.warning("ports not closed", extra={"container": endpoint.container_id, "reason": str(error)})
        # Given away only now: the old container's elements must not meet the new one's.
        reservation.release(endpoint.ports, self._used)
        self._endpoints.release(endpoint)

    def _take_away(self, endpoint: Endpoint) -> None:
        self._kernel.later(lambda: wiring.unplug(endpoint))
        if endpoint.ports:
            self._tables.withdraw(endpoint)

    async def restore(self, endpoints: Sequence[Endpoint]) -> None:
        """See Network. Also those of an engine whose bridge is not available keep their place in the books."""
        endpoints = list(endpoints)
        self._endpoints.restore(endpoints)
        for endpoint in endpoints:
            self._note_ports(endpoint)
        self._tables.expect(endpoints)
        if not self.unavailable:
            try:
                await self._kernel.do(self._restore)
            except (NftablesError, OSError) as error:
                raise EngineError(f"failed to restore network {self.name}: {error}") from error

    async def resume(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. It needs nothing of ours."""

    async def repair(self) -> None:
        """See Network. Raises EngineError."""
        if self.unavailable:
            return
        try:
            await self._kernel.do(self._tables.repair)
        except (NftablesError, OSError) as error:
            raise EngineError(f"failed to repair the firewall of network {self.name}: {error}") from error

    def _restore(self) -> None:
        self._tables.rebuild()
        device.sweep(self._kernel.routes(), self._index, [endpoint.interface for endpoint in self._endpoints])
