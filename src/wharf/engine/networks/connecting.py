"""Connecting a container to a network, and disconnecting it, whatever state it is in."""

from wharf.apitypes.containers import EndpointSettings
from wharf.engine.containers import bundling
from wharf.engine.containers.record import ALIVE, Container, Status
from wharf.engine.containers.running import Lives
from wharf.engine.containers.starting import Starter
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks import attachments
from wharf.engine.networks.leading import Places
from wharf.engine.networks.record import NetworkRecord
from wharf.engine.networks.sandboxes import placed
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, PermissionDenied
from wharf.runtime.contract import Monitor


class Connections:
    """POST /networks/{id}/connect and /disconnect."""

    def __init__(self, store: ContainerStore, lives: Lives, starter: Starter) -> None:
        self._store = store
        self._lives = lives
        self._starter = starter
        self._sandboxes = starter.sandboxes
        self._networks = starter.sandboxes.networks

    async def connect(self, network: str, ref: str, settings: EndpointSettings) -> None:
        """A running container gets the interface now, any other at its next start."""
        if not ref:
            raise InvalidArgument(f'invalid name or ID supplied: "{ref}"')
        container = self._store.find(ref)
        async with self._lives.of(container).lock:
            container = self._lives.current(container.id)
            record = self._networks.find(network)
            self._check(record, container)
            settings = attachments.cleaned(settings)
            self._networks.check_settings(record.name, settings)
            changed = attachments.with_endpoint(container, record.name, settings)
            if container.status in ALIVE and record.real:
                places = await self._sandboxes.join(container, record.name, settings, self._monitor(container))
                changed = self._placed(changed, places)
            self._store.update(changed)
            await self._redirect(container, changed)
            if changed.endpoints:
                self._starter.note_addresses(changed)

    def _check(self, record: NetworkRecord, container: Container) -> None:
        if container.status in (Status.REMOVING, Status.DEAD):
            raise Conflict(f"container {container.id} is marked for removal and cannot be connected or disconnected")
        kind = bundling.network_kind(container)
        if kind in ("host", "container"):
            raise InvalidArgument(attachments.SHARED)
        if record.name == "host":
            raise InvalidArgument(attachments.NOT_ON_HOST)
        if kind == "none" or (record.name == "none" and attachments.of(container)):
            raise InvalidArgument(attachments.PRIVATE)
        if record.config_only:
            raise PermissionDenied("cannot create endpoint on configuration-only network")
        if record.name in container.endpoints:
            raise PermissionDenied(f"endpoint with name {container.name} already exists in network {record.name}")

    async def disconnect(self, network: str, ref: str, *, force: bool = False) -> None:
        """`force` also takes a container or a network that does not exist any more; the container has no endpoint."""
        try:
            container = self._store.find(ref)
        except NotFound:
            if not force:
                raise
            self._networks.find(network)
            raise NotFound(f"endpoint {ref} not found") from None
        async with self._lives.of(container).lock:
            container = self._lives.current(container.id)
            alive = container.status in ALIVE
            name = self._networks.find(network).name if alive and not force else self._networks.name_of(network)
            self._check_disconnect(name, container)
            changed = attachments.without_endpoint(container, name)
            if alive and name in container.endpoints:
                changed = await self._take_out(container, changed, name)
            self._store.update(changed)
            await self._redirect(container, changed)
            if container.endpoints:
                self._starter.note_addresses(changed)

    def _check_disconnect(self, name: str, container: Container) -> None:
        if name not in attachments.of(container):
            article = "" if container.status in ALIVE else "the "  # dockerd's
            raise EngineError(f"container {container.id} is not connected to {article}network {name}")
        if name == "host":
            raise InvalidArgument(
                "cannot disconnect container from host network - container was created in host network mode"
            )

    async def _take_out(self, container: Container, changed: Container, name: str) -> Container:
        # The intent: the next daemon sweeps away an interface that no record has, and would not miss one. It opens the
        # ports where they are to be, and sees from the ways out that the shim has not been told.
        self._store.update(placed(changed, self._sandboxes.leaving(container, name)))
        try:
            return self._placed(changed, await self._sandboxes.leave(container, name, self._monitor(container)))
        except EngineError:
            self._store.update(container)  # it has not left
            raise

    def _monitor(self, container: Container) -> Monitor:
        """Of a running container. Raises Conflict when it has just ended."""
        if (monitor := self._lives.of(container).monitor) is None:
            raise Conflict(f"Container {container.id} is not running")
        return monitor

    def _placed(self, container: Container, places: Places) -> Container:
        """With the ports of its resolver, which comes and goes with its networks."""
        return placed(container, places).with_(resolver=self._sandboxes.resolvers.ports(container.id))

    async def _redirect(self, before: Container, after: Container) -> None:
        """The shim learns where ports lead that have moved."""
        monitor = self._lives.of(after).monitor
        homes = [{name for name, one in each.endpoints.items() if one.ports} for each in (before, after)]
        if monitor is not None and homes[0] != homes[1]:
            await self._sandboxes.redirect(after, monitor)
