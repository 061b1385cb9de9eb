"""Networks on a device of the host (macvlan, ipvlan): containers are on the same wire as the host itself.

There is no bridge, no address translation and no port to publish: who is on that wire reaches every port.
"""

import asyncio
import errno
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from wharf.errors import EngineError, Unavailable
from wharf.linux import links
from wharf.linux.listener import Listener, Redirection
from wharf.linux.netlink import RouteSocket
from wharf.network import inner, parents
from wharf.network.contract import Endpoint, EndpointRequest, PortRequest
from wharf.network.endpoints import Endpoints
from wharf.network.ipam import Usage
from wharf.network.kernel import Kernel
from wharf.network.settings import ParentSettings
from wharf.network.subnets import Network, Subnet

log = logging.getLogger(__name__)

#: The kernel takes namespaces apart in its own time, and until then their links keep their MAC address (or, in mode
#: passthru, the whole device). A container that starts again waits for that.
_PATIENCE: Final = 3.0  # seconds
_PAUSE: Final = 0.02
_CLOSED: Final = "the network is closed"


class ParentNetwork:
    """One network of the driver macvlan or ipvlan. See `contract.Network`."""

    def __init__(self, id: str, settings: ParentSettings, kernel: Kernel, *, name: str) -> None:
        self.id = id
        self.name = name
        self.unavailable = "the network is not open"
        self.settings = settings
        self._kernel = kernel
        self._turn = asyncio.Lock()  # of who opens it, again and again maybe, or closes it
        self._closed = False
        # The MAC addresses of ipvlan's links are the parent's: it is what makes them ipvlan.
        self._endpoints = Endpoints(id, name, settings.subnets, with_mac=settings.driver == "macvlan")

    @property
    def subnets(self) -> Sequence[Subnet]:
        return self.settings.subnets

    @property
    def publishes(self) -> bool:
        return False

    @property
    def in_use(self) -> bool:
        return len(self._endpoints) > 0

    def leads_out(self, version: int) -> bool:
        """See Network."""
        return not self.settings.internal and any(subnet.version == version for subnet in self.subnets)

    def usage(self) -> Mapping[Network, Usage]:
        return self._endpoints.addresses.usage()

    async def open(self) -> None:
        """See Network. The parent may be plugged in later: it is looked for again at every connect()."""
        async with self._turn:
            if self._closed:
                return  # nobody would remove what we make now
            try:
                await self._kernel.do(self._parent)
                self._kernel.parents.add(self.settings.parent, self.id)
                self.unavailable = ""
            except (EngineError, OSError) as error:
                self.unavailable = str(error)
                log.warning("no network", extra={"network": self.name, "reason": str(error)})

    def _parent(self) -> int:
        settings = self.settings
        return parents.ensure(self._kernel.routes(), settings.parent, settings.driver, own=settings.own_parent).index

    async def close(self) -> None:
        """See Network. A parent that we made goes with its last network, unless containers go on."""
        self._closed = True
        async with self._turn:
            parent = self.settings.parent
            if not self.unavailable and not self._endpoints and self._kernel.parents.remove(parent, self.id):
                try:
                    await self._kernel.do(lambda: parents.remove(self._kernel.routes(), parent))
                except OSError as error:
                    log.warning("device not removed", extra={"device": parent, "reason": str(error)})
            self.unavailable = self.unavailable or _CLOSED

    async def reserve(self, request: EndpointRequest) -> tuple[Endpoint, list[Listener]]:
        """See Network. Ports are not published: they are reached at the container's own address.

        Raises EngineError for a MAC address on ipvlan, where all have the parent's.
        """
        if request.mac_address and self.settings.driver == "ipvlan":
            raise EngineError("ipvlan interfaces do not support custom mac address assignment")
        if self.unavailable:
            await self.open()
            self._require_open()
        endpoint = self._endpoints.admit(
            replace(
                request,
                default_route=request.default_route and self.leads_out(4),
                default_route6=request.default_route6 and self.leads_out(6),
            ),
            with_gateway=not self.settings.internal and not self.settings.routes_by_device,
        )
        return endpoint, []

    def _require_open(self) -> None:
        if why := self.unavailable or (_CLOSED if self._closed else ""):
            raise Unavailable(f"network {self.name} is not available: {why}")

    async def connect(self, endpoint: Endpoint, namespace: int) -> Endpoint:
        """See Network."""
        self._require_open()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE
        while True:
            try:
                await self._kernel.do_inside(namespace, lambda kept: self._connect(endpoint, kept))
                return endpoint
            except OSError as error:
                if error.errno not in (errno.EBUSY, errno.EINVAL, errno.EADDRINUSE) or loop.time() > deadline:
                    words = parents.words_of(error)
                    raise EngineError(f"failed to create the {self.settings.driver} port: {words}") from error
            await asyncio.sleep(_PAUSE)

    def _connect(self, endpoint: Endpoint, namespace: int) -> None:
        parent = self._parent()
        routes = self._kernel.routes()
        settings = self.settings
        data = (
            links.macvlan(settings.mode) if settings.driver == "macvlan" else links.ipvlan(settings.mode, settings.flag)
        )
        with RouteSocket.inside(namespace) as inside:
            routes.request(
                links.new_on_parent(
                    endpoint.inner,
                    settings.driver,
                    parent,
                    namespace,
                    data,
                    mac=endpoint.mac_address,
                    mtu=settings.mtu,
                )
            )
            try:
                inner.mark(inside, endpoint)
                inner.configure(inside, endpoint, namespace, trusted_routers=True)
            except BaseException:
                # Another try must find the name free.
                inner.remove(endpoint, namespace, self._kernel.later)
                raise

    async def carry(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. It is part of the parent, which carries already or has no cable."""

    async def disconnect(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. Raises EngineError."""
        try:
            await self._kernel.do_inside(namespace, lambda kept: inner.remove(endpoint, kept, self._kernel.later))
        except OSError as error:
            raise EngineError(f"failed to take the container out of network {self.name}: {error}") from error

    async def publish(self, endpoint: Endpoint, ports: Sequence[PortRequest]) -> tuple[Endpoint, list[Listener]]:
        """See Network. Nobody asks for it: it publishes nothing."""
        return endpoint, []

    async def republish(self, endpoint: Endpoint) -> None:
        """See Network. There is nothing to publish."""
        self._endpoints.note(endpoint)

    def redirections(self, endpoint: Endpoint) -> list[Redirection]:
        """See Network."""
        return []

    async def release(self, endpoint: Endpoint) -> None:
        """See Network."""
        if self._endpoints.forget(endpoint):
            self._endpoints.release(endpoint)

    async def restore(self, endpoints: Sequence[Endpoint]) -> None:
        """See Network. Links are in containers' namespaces only: `inner.settle` sweeps those."""
        self._endpoints.restore(endpoints)

    async def resume(self, endpoint: Endpoint, namespace: int) -> None:
        """See Network. It needs nothing of ours."""

    async def repair(self) -> None:
        """See Network. No rule is ours."""
