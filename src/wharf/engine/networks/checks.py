"""Tells why a packet would or would not pass: finds out what network.checking has to know."""

import asyncio
import os
from collections.abc import Collection, Sequence
from dataclasses import replace

from wharf.apitypes.networks import NetworkCheck, NetworkCheckRequest, NetworkCheckStep
from wharf.engine.containers import bundling, ports
from wharf.engine.containers.record import ALIVE, Container
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks import attachments
from wharf.engine.networks.service import Networks
from wharf.errors import InvalidArgument
from wharf.linux import sysctl
from wharf.linux.listening import listeners
from wharf.linux.nftables import NftablesError, all_rules
from wharf.network import checking, legacy, others
from wharf.network.bridge import BridgeNetwork
from wharf.network.contract import Network
from wharf.network.device import bridge_is_filtered
from wharf.network.facts import Chain, Node, Segment, Service, Step, World
from wharf.network.kernel import Kernel
from wharf.network.leased import LeasedNetwork
from wharf.network.parented import ParentNetwork

_HOST, _OUTSIDE = "host", "outside"


class NetworkChecks:
    """POST /networks/check."""

    def __init__(self, store: ContainerStore, networks: Networks, kernel: Kernel) -> None:
        self._store = store
        self._networks = networks
        self._kernel = kernel

    async def check(self, asked: NetworkCheckRequest) -> NetworkCheck:
        """Raises InvalidArgument for what is no question, NoSuchContainer."""
        service = _service(asked)
        steps = await self._steps(asked.source, asked.target, service)
        return NetworkCheck(
            passes=checking.verdict(steps),
            steps=[NetworkCheckStep(passes=step.passes, text=step.text) for step in steps],
        )

    async def _steps(self, source: str, target: str, service: Service) -> Sequence[Step]:
        if target == _HOST:
            if not service.port:
                raise InvalidArgument("which port of the host? ask for host:PORT")
            nodes = [await self._listening(one, service) for one in self._store]
            return await self._to_published(source, service, nodes)
        if source not in (_HOST, _OUTSIDE) and target == _OUTSIDE:
            return checking.outward(self._node(self._store.find(source)), await self._world())
        if target == _OUTSIDE:
            raise InvalidArgument(f"the way from {source} to {target} is not the engine's: it cannot be checked")
        node = await self._listening(self._store.find(target), service, published=False)
        world = await self._world()
        if source == _HOST:
            return checking.from_host(node, service, world)
        if source == _OUTSIDE:
            return checking.from_outside(node, service, world)
        return checking.between(self._node(self._store.find(source)), node, service, world)

    async def _to_published(self, source: str, service: Service, nodes: Sequence[Node]) -> Sequence[Step]:
        own = await asyncio.to_thread(listeners, os.getpid(), service.protocol, service.port)
        world = replace(await self._world(), listening=own)
        if source not in (_HOST, _OUTSIDE):
            return checking.to_published_from(self._node(self._store.find(source)), service, nodes, world)
        return checking.to_published("host" if source == _HOST else "outside", service, nodes, world)

    def _node(self, container: Container) -> Node:
        owner = self._owner(container)
        return Node(
            container.name,
            running=container.status in ALIVE,
            kind=bundling.network_kind(owner),
            addresses={name: endpoint.addresses for name, endpoint in owner.endpoints.items()},
            way_out=next((name for name, endpoint in owner.endpoints.items() if endpoint.leads_out), ""),
            ports=[port for endpoint in owner.endpoints.values() for port in endpoint.ports],
            wanted=list(ports.requests(container.config, container.host)),
        )

    def _owner(self, container: Container) -> Container:
        """Whose network a container has: its own, or that of the one it joins. Some join one another in a circle."""
        seen: set[str] = set()
        while container.id not in seen:
            seen.add(container.id)
            mode, _, joined = container.host.network_mode.partition(":")
            container = (self._store.search(joined) if mode == "container" else None) or container
        return container

    async def _listening(self, container: Container, service: Service, *, published: bool = True) -> Node:
        """With who listens on the port in question: of the host's if `published`, else of the container's own."""
        node = self._node(container)
        port, protocol = service.port, service.protocol
        if published:
            own = (one for one in node.ports if (one.host_port, one.protocol) == (port, protocol))
            port = next((one.container_port for one in own), 0)
        if not port or not node.running:
            return node
        return replace(node, listening=await asyncio.to_thread(listeners, container.pid, protocol, port))

    async def _world(self) -> World:
        networks, zones = self._networks.all_open(), self._kernel.zones.known
        bridges = {
            name: network.settings.name for name, network in networks.items() if isinstance(network, BridgeNetwork)
        }
        chains, unreadable = await self._kernel.do(_chains)
        return World(
            {name: _segment(name, network) for name, network in networks.items()},
            forwards=frozenset(version for version, name in checking.FORWARDING.items() if _is_on(name)),
            bridges_filtered=bridge_is_filtered(ipv6=False),
            chains=chains,
            unreadable=unreadable,
            devices=bridges,
            ways=await self._kernel.do(lambda: self._ways(frozenset(bridges.values()))),
            zones={name: zones[bridge] for name, bridge in bridges.items() if bridge in zones},
        )

    def _ways(self, bridges: Collection[str]) -> Sequence[str]:
        """The host's devices with an address, which may lead to other machines."""
        routes = self._kernel.routes()
        placed = {index for index, address in routes.addresses() if not address.is_link_local}
        found = (link for link in routes.links() if link.index in placed and link.up and not link.loopback)
        return [link.name for link in found if link.name not in bridges]


def _chains() -> tuple[Sequence[Chain], str]:
    """Of others; or why they cannot be read."""
    try:
        listing = all_rules()
        text = all_rules(as_text=True) if others.needs_text(listing) else ""
        return [*others.base_chains(listing, text), *legacy.chains()], ""
    except (NftablesError, others.UnreadableRules) as error:
        return legacy.chains(), str(error)


def _service(asked: NetworkCheckRequest) -> Service:
    if asked.protocol not in ("tcp", "udp"):
        raise InvalidArgument(f"invalid protocol {asked.protocol!r}: expected tcp or udp")
    if not 0 <= asked.port < 65536:
        raise InvalidArgument(f"invalid port {asked.port}")
    if not asked.source or not asked.target:
        raise InvalidArgument("from where to where? name a container, host or outside")
    return Service(asked.port, asked.protocol)


def _is_on(setting: str) -> bool:
    try:
        return sysctl.read(setting.replace(".", "/")) == "1"
    except OSError:
        return False  # a kernel without IPv6


def _segment(name: str, network: Network) -> Segment:
    if isinstance(network, BridgeNetwork):
        settings = network.settings
        return Segment(
            name,
            has_names=name != attachments.DEFAULT,
            internal=settings.internal,
            inter_container=settings.inter_container,
            masquerade=settings.masquerade,
            mode=settings.mode_of(4 if settings.ipv4 else 6),
            hosted=any(map(settings.hosts, settings.subnets)),
        )
    if not isinstance(network, ParentNetwork):
        return Segment(name, internal=not network.leads_out(4))
    on_parent = network.settings
    way = on_parent.mode if on_parent.driver == "macvlan" else on_parent.flag
    return Segment(
        name,
        internal=on_parent.internal,
        inter_container=way != "private",
        parent=on_parent.parent,
        reflected=way == "vepa",
        lent=isinstance(network, LeasedNetwork),
    )
