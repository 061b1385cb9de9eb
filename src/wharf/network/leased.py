"""Networks on a device of the host whose addresses a DHCP server on that wire lends.

The links are those of `parented`; what is asked of servers goes through the container's own link, so that it says the
container's MAC address and sees the wire as the container does.
"""

import hashlib
import logging
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address

from wharf.errors import EngineError
from wharf.linux.advertisements import Advertised
from wharf.linux.listener import Listener
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import parse_mac
from wharf.network import inner
from wharf.network.advertised import Watch
from wharf.network.contract import Endpoint, EndpointRequest
from wharf.network.dhcp import exchange
from wharf.network.dhcp.exchange import Client
from wharf.network.dhcp.frames import Station
from wharf.network.dhcp.keeper import Keeper, Place
from wharf.network.dhcp.lease import Lease
from wharf.network.dhcp.wire import Link
from wharf.network.kernel import Kernel
from wharf.network.parented import ParentNetwork
from wharf.network.settings import ParentSettings

log = logging.getLogger(__name__)

#: Kinds of client identifiers: a MAC address (RFC 2132, 9.14), and one for whom that says too little (RFC 4361, 6.1).
_BY_MAC, _BY_ID, _UUID = b"\x01", b"\xff", b"\x00\x04"


@dataclass(frozen=True, slots=True)
class LeaseChange:
    """What an endpoint's lease is now: another, the same for longer, or (None) at an end; or its advertised address."""

    network: str  # name
    container_id: str
    endpoint_id: str
    now: Lease | Advertised | None

    def applied(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as it is then."""
        if isinstance(self.now, Advertised):
            return replace(endpoint, address6=self.now.address, prefix_length6=self.now.prefix_length)
        return endpoint.leased(self.now)


class LeasedNetwork(ParentNetwork):
    """One network of the driver macvlan or ipvlan with addresses by DHCP. See `contract.Network`."""

    def __init__(
        self, id: str, settings: ParentSettings, kernel: Kernel, *, name: str, tell: Callable[[LeaseChange], None]
    ) -> None:
        """`tell` is called when a lease changes while its container runs; it must neither block nor raise."""
        super().__init__(id, settings, kernel, name=name)
        self._tell = tell
        self._asked: dict[str, EndpointRequest] = {}  # between reserve() and release(), by endpoint
        self._leases: dict[str, Lease] = {}  # not given back yet
        self._keepers: dict[str, _Kept] = {}
        self._watches: dict[str, Watch] = {}

    def leads_out(self, version: int) -> bool:
        """See Network."""
        return (version == 4 or self.settings.advertised) and not self.settings.internal

    async def close(self) -> None:
        """See Network. Leases of containers that go on running are left to the next daemon."""
        for kept in list(self._keepers.values()):
            await kept.stop()
        for watch in list(self._watches.values()):
            await watch.stop()
        self._keepers.clear()
        self._watches.clear()
        await super().close()

    async def reserve(self, request: EndpointRequest) -> tuple[Endpoint, list[Listener]]:
        """See Network. The address comes with connect()."""
        mac = request.mac_address or self._mac(request.container_id)
        endpoint, listeners = await super().reserve(replace(request, mac_address=mac, address=None))
        self._asked[endpoint.id] = request
        return replace(endpoint, advertised=self.settings.advertised), listeners

    def _mac(self, container: str) -> str:
        """The same at every start, so that the server knows the container again; "" on ipvlan: it is the parent's."""
        if self.settings.driver == "ipvlan":
            return ""
        return (b"\x02\x42" + self._digest(container)[:4]).hex(":")

    def _digest(self, container: str) -> bytes:
        return hashlib.sha256(f"{self.id} {container}".encode()).digest()

    async def connect(self, endpoint: Endpoint, namespace: int) -> Endpoint:
        """See Network. Waits for a server, without keeping other containers from theirs. Raises EngineError."""
        await super().connect(endpoint, namespace)
        asked = self._asked[endpoint.id]
        client = self._client(endpoint, asked.host_name)
        wanted = str(asked.address or "")
        try:
            with await self._opened(endpoint.inner, namespace) as link:
                async with self._kernel.waits.until_given_up(endpoint.container_id):
                    lease = await exchange.obtain(
                        link, client, wanted, only=bool(wanted), patience=self.settings.lease_patience
                    )
            self._leases[endpoint.id] = lease
            leased = endpoint.leased(self._without_router(lease))
            await self._use(endpoint, namespace, lease, is_other=True)
            await self._kernel.do_inside(namespace, partial(inner.add_ways, leased))
            self._keep(leased, namespace, client, lease)
        except (EngineError, OSError) as error:
            wire = f"network {self.name} (parent {self.settings.parent})"
            raise EngineError(f"no address for the container on {wire}: {error}") from error
        try:
            await self._watch(leased, namespace)
        except OSError as error:
            facts = {"container": endpoint.container_id, "network": self.name, "reason": str(error)}
            log.warning("the container's IPv6 address will not be known", extra=facts)
        return leased

    async def _watch(self, endpoint: Endpoint, namespace: int) -> None:
        """Addresses of IPv6 come in their own time. Raises OSError."""
        if not endpoint.advertised or endpoint.id in self._watches:
            return

        def tell(found: Advertised) -> None:
            self._tell(LeaseChange(self.name, endpoint.container_id, endpoint.id, found))

        self._watches[endpoint.id] = await Watch.begun(endpoint, namespace, self._kernel, tell)

    def _client(self, endpoint: Endpoint, host_name: str) -> Client:
        if endpoint.mac_address:
            return Client(_BY_MAC + parse_mac(endpoint.mac_address), host_name)
        # Links of ipvlan have their parent's MAC address, and nothing reaches one at an address that it has not yet.
        digest = self._digest(endpoint.container_id)
        return Client(_BY_ID + digest[:4] + _UUID + digest[4:20], host_name, broadcast=True)

    async def _opened(self, interface: str, namespace: int) -> Link:
        """The container's link. Raises OSError."""

        def opened(kept: int) -> Link:
            with inside_network(kept):
                return Link.opened(interface)

        return await self._kernel.do_inside(namespace, opened)

    async def _use(self, endpoint: Endpoint, namespace: int, lease: Lease, *, is_other: bool) -> None:
        """Raises OSError, EngineError."""
        await self._kernel.do_inside(namespace, partial(inner.lend, endpoint, lease))
        if is_other:
            with await self._opened(endpoint.inner, namespace) as link:
                link.announce(Station(link.mac, IPv4Address(lease.address)))

    def _without_router(self, lease: Lease) -> Lease:
        return replace(lease, router="") if self.settings.internal else lease

    def _keep(
        self, endpoint: Endpoint, namespace: int, client: Client, lease: Lease, *, taken_up: bool = False
    ) -> None:
        """Raises OSError."""
        kept = os.dup(namespace)

        async def use(found: Lease, is_other: bool) -> None:
            self._leases[endpoint.id] = found
            await self._use(endpoint, kept, found, is_other=is_other)

        async def drop(lost: Lease) -> None:
            self._leases.pop(endpoint.id, None)
            await self._kernel.do_inside(kept, partial(inner.take_back, endpoint, lost))

        def tell(found: Lease | None) -> None:
            now = found and self._without_router(found)
            self._tell(LeaseChange(self.name, endpoint.container_id, endpoint.id, now))

        place = Place(endpoint.container_id, lambda: self._opened(endpoint.inner, kept), use, drop, tell)
        keeper = Keeper(client, place, lease, patience=self.settings.lease_patience, taken_up=taken_up)
        self._keepers[endpoint.id] = _Kept(keeper, kept)

    async def disconnect(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. Raises EngineError."""
        await self._stop_keeping(endpoint)
        await super().disconnect(endpoint, namespace)

    async def _stop_keeping(self, endpoint: Endpoint) -> None:
        if (kept := self._keepers.pop(endpoint.id, None)) is not None:
            await kept.stop()
        if (watch := self._watches.pop(endpoint.id, None)) is not None:
            await watch.stop()

    async def release(self, endpoint: Endpoint) -> None:
        """See Network. The server is told, too."""
        await self._stop_keeping(endpoint)
        self._asked.pop(endpoint.id, None)
        if (lease := self._leases.pop(endpoint.id, None)) is not None:
            with suppress(OSError):  # it will end by itself
                await self._kernel.do(lambda: self._give_back(endpoint, lease))
        await super().release(endpoint)

    def _give_back(self, endpoint: Endpoint, lease: Lease) -> None:
        """By the parent: the container's own link may be gone already, and its namespace with it."""
        client = self._client(endpoint, lease.host_name)
        if endpoint.mac_address:
            client = replace(client, mac=parse_mac(endpoint.mac_address))
        with Link.opened(self.settings.parent) as link:
            exchange.release(link, client, lease)

    async def restore(self, endpoints: Sequence[Endpoint]) -> None:
        """See Network."""
        await super().restore(endpoints)
        self._leases |= {one.id: one.lease for one in endpoints if one.lease is not None and one.address}

    async def resume(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. The lease may be near its end, or the address another's: the server is asked at once."""
        await self._watch(endpoint, namespace)
        if (lease := endpoint.lease) is None or endpoint.id in self._keepers:
            return
        if not endpoint.address:
            lease = replace(lease, began=math.inf)  # it was lost already, and only says what to ask for
        self._keep(endpoint, namespace, self._client(endpoint, lease.host_name), lease, taken_up=True)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A keeper, and the namespace that it works in."""

    keeper: Keeper
    namespace: int

    async def stop(self) -> None:
        await self.keeper.stop()
        os.close(self.namespace)
