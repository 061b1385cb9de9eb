"""A bridge network: containers on one bridge of the host, with translated addresses and published ports."""

import logging
import secrets
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final, Protocol

from wharf.errors import EngineError, Unavailable
from wharf.linux.listener import Listener
from wharf.linux.netlink import parse_mac
from wharf.linux.nftables import NftablesError
from wharf.network import coexisting, device, forwarding, reservation
from wharf.network.contract import Endpoint, EndpointRequest
from wharf.network.firewall import Ruleset
from wharf.network.ipam import Addresses, mac_address
from wharf.network.kernel import Kernel
from wharf.network.ports import HostPort, element

log = logging.getLogger(__name__)

DEFAULT_ADDRESS: Final = IPv4Interface("172.17.0.1/16")


class BridgeSettings(Protocol):
    """What a bridge network is told (the engine's BridgeConfig has it)."""

    @property
    def name(self) -> str: ...  # of the device; "none" for no bridge at all
    @property
    def address(self) -> IPv4Interface | None: ...
    @property
    def fixed_cidr(self) -> IPv4Network | None: ...
    @property
    def mtu(self) -> int: ...
    @property
    def inter_container(self) -> bool: ...
    @property
    def masquerade(self) -> bool: ...
    @property
    def firewall(self) -> bool: ...
    @property
    def publish_address(self) -> str: ...


class BridgeNetwork:
    """One bridge. When it cannot be opened, the engine still runs: `unavailable` says why, and reserve() raises it."""

    def __init__(
        self,
        id: str,
        settings: BridgeSettings,
        kernel: Kernel,
        *,
        name: str = "bridge",
        internal: bool = False,
        reserved: Iterable[IPv4Address] = (),
    ) -> None:
        """`internal` has no way out and no way in; `reserved` addresses are given to nobody."""
        self.id = id
        self.name = name
        self.internal = internal
        self.unavailable = "the bridge is not open"
        self._settings = settings
        self._kernel = kernel
        self._reserved = frozenset(reserved)
        self._place(settings.address or DEFAULT_ADDRESS)
        self._used = kernel.published
        self._endpoints: dict[str, Endpoint] = {}
        self._open_ports: set[str] = set()  # ids of endpoints whose elements are in the table
        self._index = 0
        self._claim: socket.socket | None = None
        self._guarded = False  # it was us who made the host a router, and keep strangers from it
        self._chains = ""  # of our table, as the kernel lists them

    def _place(self, address: IPv4Interface) -> None:
        settings = self._settings
        self.subnet = address.network
        self.gateway = address.ip
        self._addresses = Addresses(self.subnet, self.gateway, settings.fixed_cidr, taken=set(self._reserved))
        self._rules = Ruleset(
            settings.name, self.subnet, settings.inter_container, settings.masquerade, internal=self.internal
        )

    async def open(self) -> None:
        """Makes the bridge and its table. Never raises: see `unavailable`."""
        if self._settings.name == "none":
            self.unavailable = "the default bridge is switched off (bridge: none)"
            return
        try:
            await self._kernel.do(self._open)
            self.unavailable = ""
        except (EngineError, NftablesError, OSError) as error:
            self._let_go()
            self.unavailable = str(error)
            log.warning("no bridge network", extra={"bridge": self._settings.name, "reason": str(error)})

    def _open(self) -> None:
        settings = self._settings
        self._claim = device.claim(settings.name)
        was_there = self._kernel.routes().link(settings.name) is not None
        try:
            self._make()
        except BaseException:
            if not was_there:
                device.delete_bridge(self._kernel.routes(), settings.name)
            raise

    def _make(self) -> None:
        settings = self._settings
        if settings.firewall:
            self._kernel.nftables()  # without it there shall be no bridge either
        self._index, address = device.ensure_bridge(
            self._kernel.routes(), settings.name, settings.address, settings.mtu
        )
        self._place(address)
        device.allow_local_clients(settings.name, allowed=settings.firewall)
        nftables = self._kernel.nftables() if settings.firewall else None
        self._guarded = forwarding.begin(nftables, settings.name)
        if nftables is not None:
            coexisting.begin(nftables, settings.name)
        # A table that an engine before us left goes on working until restore() replaces it.
        if settings.firewall and not self._has_table():
            self._rebuild()

    def _has_table(self) -> bool:
        return f"table {self._rules.table}\n" in self._kernel.nftables().run("list tables ip") + "\n"

    async def close(self) -> None:
        """Leaves bridge and rules to containers that go on running; without any, both are removed."""
        if not self.unavailable and not self._endpoints:
            try:
                await self._kernel.do(self._remove)
            except (NftablesError, OSError) as error:
                log.warning("bridge not removed", extra={"bridge": self._settings.name, "reason": str(error)})
        self._let_go()

    def _remove(self) -> None:
        if self._settings.firewall:
            self._kernel.nftables().run(self._rules.remove())
            coexisting.end(self._kernel.nftables(), self._settings.name)
        device.delete_bridge(self._kernel.routes(), self._settings.name)
        if self._settings.firewall:
            forwarding.end(self._kernel.nftables(), self._settings.name)

    def _let_go(self) -> None:
        self.unavailable = self.unavailable or "the bridge is closed"
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    @property
    def in_use(self) -> bool:
        """Whether a container is connected, or about to be."""
        return bool(self._endpoints)

    async def reserve(self, request: EndpointRequest) -> tuple[Endpoint, list[Listener]]:
        """See Network. Raises Unavailable when the bridge could not be opened."""
        if self.unavailable:
            raise Unavailable(f"network {self.name} is not available: {self.unavailable}")
        try:
            wanted_mac = parse_mac(request.mac_address).hex(":") if request.mac_address else ""
        except ValueError as error:
            raise EngineError(str(error)) from None
        address = self._addresses.take(request.address)
        try:
            ports, listeners = reservation.reserve(
                request.ports,
                str(address),
                self._used,
                default=self._settings.publish_address,
                translated=self._settings.firewall,
            )
        except BaseException:
            self._addresses.release(address)
            raise
        id = secrets.token_hex(32)
        endpoint = Endpoint(
            id=id,
            container_id=request.container_id,
            network=self.name,
            interface=f"veth{id[:7]}",
            mac_address=wanted_mac or mac_address(address),
            address=str(address),
            prefix_length=self.subnet.prefixlen,
            gateway="" if self.internal else str(self.gateway),
            ports=ports,
            inner=request.interface,
            default_route=request.default_route and not self.internal,
        )
        self._endpoints[id] = endpoint
        return endpoint, listeners

    async def connect(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. Raises EngineError; the caller then releases the endpoint."""
        if self.unavailable:
            raise Unavailable(f"network {self.name} is not available: {self.unavailable}")
        try:
            await self._kernel.do_inside(namespace, lambda kept: self._connect(endpoint, kept))
        except (NftablesError, OSError) as error:
            raise EngineError(f"failed to set up the container's network: {error}") from error

    def _connect(self, endpoint: Endpoint, namespace: int) -> None:
        device.connect(
            self._kernel.routes(),
            self._index,
            endpoint,
            namespace,
            mtu=self._settings.mtu,
            # The rules do it where they can: isolated ports also lose neighbours' published ports.
            isolated=not self._settings.inter_container and not device.bridge_is_filtered(),
        )
        self._publish(endpoint)

    def _publish(self, endpoint: Endpoint) -> None:
        elements = _elements(endpoint)
        if elements and self._settings.firewall:
            # Noted first: a rebuild, should it be needed, then has them.
            self._open_ports.add(endpoint.id)
            self._change(self._rules.add(elements))

    async def take_over(self, endpoint: Endpoint) -> None:
        """Opens the ports of an endpoint of ours, which led to the same container by another network until now.

        Raises EngineError. What the shim forwards (IPv6) still goes to the old address.
        """
        self._endpoints[endpoint.id] = endpoint
        for port in endpoint.ports:
            self._used.add(HostPort(port.host_ip, port.host_port, port.protocol))
        try:
            await self._kernel.do(lambda: self._publish(endpoint))
        except (NftablesError, OSError) as error:
            raise EngineError(f"failed to publish ports by network {self.name}: {error}") from error

    async def disconnect(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. Raises EngineError."""
        try:
            await self._kernel.do_inside(namespace, lambda kept: device.disconnect(endpoint, kept))
        except OSError as error:
            raise EngineError(f"failed to take the container out of network {self.name}: {error}") from error

    async def release(self, endpoint: Endpoint) -> None:
        """See Network."""
        if self._endpoints.pop(endpoint.id, None) is None:
            return
        if _elements(endpoint) and not self.unavailable:
            try:
                await self._kernel.do(lambda: self._close_ports(endpoint))
            except (NftablesError, OSError) as error:
                log.warning("ports not closed", extra={"container": endpoint.container_id, "reason": str(error)})
        # Given away only now: the old container's elements must not meet the new one's.
        reservation.release(endpoint.ports, self._used)
        self._addresses.release(IPv4Address(endpoint.address))

    def _close_ports(self, endpoint: Endpoint) -> None:
        # Looked at here, behind a connect() whose caller was cancelled and which still went on in this thread.
        if endpoint.id not in self._open_ports or not self._settings.firewall:
            return
        self._open_ports.discard(endpoint.id)
        self._change(self._rules.delete(_elements(endpoint)))

    async def restore(self, endpoints: Sequence[Endpoint]) -> None:
        """See Network. Also those of an engine whose bridge is not available keep their place in the books."""
        for endpoint in endpoints:
            self._endpoints[endpoint.id] = endpoint
            self._addresses.restore(IPv4Address(endpoint.address))
            self._open_ports.add(endpoint.id)
            for port in endpoint.ports:
                self._used.add(HostPort(port.host_ip, port.host_port, port.protocol))
        if not self.unavailable:
            try:
                await self._kernel.do(self._restore)
            except (NftablesError, OSError) as error:
                raise EngineError(f"failed to restore network {self.name}: {error}") from error

    def _restore(self) -> None:
        if self._settings.firewall:
            self._rebuild()
        device.sweep(self._kernel.routes(), self._index, [endpoint.interface for endpoint in self._endpoints.values()])

    def options(self) -> dict[str, str]:
        """As GET /networks shows them, with dockerd's names."""
        settings = self._settings
        return {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": str(settings.inter_container).lower(),
            "com.docker.network.bridge.enable_ip_masquerade": str(settings.masquerade).lower(),
            "com.docker.network.bridge.host_binding_ipv4": settings.publish_address or "0.0.0.0",
            "com.docker.network.bridge.name": settings.name,
            "com.docker.network.driver.mtu": str(settings.mtu or 1500),
        }

    def _change(self, commands: str) -> None:
        """Runs commands on our table; if someone else has emptied or removed it, it is made anew."""
        try:
            self._kernel.nftables().run(commands)
        except NftablesError as error:
            log.warning("nftables table made anew", extra={"bridge": self._settings.name, "reason": str(error)})
            self._rebuild()

    def _rebuild(self) -> None:
        opened = [one for one in list(self._endpoints.values()) if one.id in self._open_ports]
        self._kernel.nftables().run(self._rules.replace(entry for endpoint in opened for entry in _elements(endpoint)))
        self._chains = self._listed_chains()

    def _listed_chains(self) -> str:
        """The part of our table that never changes; "" when it is gone."""
        if not self._has_table():
            return ""
        return self._kernel.nftables().run(f"list table {self._rules.table}").partition("\tchain ")[2]

    async def repair(self) -> None:
        """Puts back what somebody else's change of the firewall has taken from us. Raises EngineError."""
        if self.unavailable or not self._settings.firewall:
            return
        try:
            await self._kernel.do(self._repair)
        except (NftablesError, OSError) as error:
            raise EngineError(f"failed to repair the firewall of network {self.name}: {error}") from error

    def _repair(self) -> None:
        nftables, bridge = self._kernel.nftables(), self._settings.name
        if self._guarded and not forwarding.is_guarded(nftables):
            nftables.run(forwarding.guard(bridge))
        coexisting.begin(nftables, bridge)
        if self._chains and self._listed_chains() != self._chains:
            log.warning("somebody else changed our firewall rules: made anew", extra={"bridge": bridge})
            self._rebuild()


def _elements(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Those of IPv4; IPv6 is forwarded by the shim."""
    return [
        element(HostPort(port.host_ip, port.host_port, port.protocol), endpoint.address, port.container_port)
        for port in endpoint.ports
        if ":" not in port.host_ip
    ]
