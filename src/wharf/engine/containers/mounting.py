"""Mount points of a container: volumes are made and filled, missing sources of -v too."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import msgspec

from wharf.apitypes.containers import MountPoint
from wharf.engine.containers import idmaps, mounts
from wharf.engine.containers.binding import bind_point
from wharf.engine.containers.mount_request import MountRequest
from wharf.engine.containers.record import PLAIN, Container, MountDetail
from wharf.engine.containers.store import ContainerStore
from wharf.engine.images.record import Image
from wharf.engine.volumes import Volumes
from wharf.errors import InvalidArgument, NotFound
from wharf.snapshots.contract import Snapshots
from wharf.snapshots.stacked import closing_lookup


@dataclass(frozen=True, slots=True)
class Made:
    """A mount point that can be recorded."""

    point: MountPoint
    detail: MountDetail = PLAIN
    unfilled: bool = False  # a volume that gets what the image has there; see fill()


@dataclass(slots=True)
class Mounting:
    store: ContainerStore
    snapshots: Snapshots
    volumes: Volumes
    image: Callable[[str], Image]  # raises NotFound

    async def points(
        self, container: Container, held: ExitStack, *, anonymous: Mapping[str, str] | None = None
    ) -> AsyncIterator[Made]:
        """Mount points of the record.

        `held` keeps the volumes until a record names them. `anonymous` are volumes without a name of their own that the
        container has already, by their targets.
        """
        own = {request.target for request in mounts.requests_of(container.host)}
        targets = set(own)
        for ref, read_only in mounts.volumes_from(container.host.volumes_from):
            for inherited in self._of_other(ref, read_only=read_only):
                if inherited.point.destination not in targets:
                    targets.add(inherited.point.destination)
                    yield inherited
        maps = idmaps.by_target(container.host.idmaps)
        for request in mounts.requests(container.config, container.host):
            if request.target in targets and request.target not in own:
                continue  # the image's VOLUME, which --volumes-from has replaced
            detail = _detail(request, maps.get(request.target))
            match request.kind:
                case "bind":
                    aside = self.volumes.drivers.aside.at(request.source)
                    yield Made(await aside(partial(bind_point, request)), detail)
                case "volume":
                    known = (anonymous or {}).get(request.target, "") if not request.source else ""
                    point = await self._volume(replace(request, source=known or request.source), held)
                    yield Made(point, detail, request.copy and not request.subpath)
                case "image":
                    yield await self._image(container, request, detail)
                case "tmpfs" if request.target not in container.host.tmpfs:
                    # dockerd shows those of --mount only.
                    yield Made(MountPoint(type="tmpfs", destination=request.target, rw=not request.read_only))

    def _of_other(self, ref: str, *, read_only: bool) -> Iterable[Made]:
        """What `--volumes-from` takes. Raises InvalidArgument: the fault is in the request."""
        if not ref:
            raise InvalidArgument('invalid name or ID supplied: ""')
        try:
            other = self.store.find(ref)
        except NotFound as error:
            raise InvalidArgument(str(error)) from None
        for point in other.mounts:
            if point.type in ("bind", "volume"):
                yield Made(
                    msgspec.structs.replace(point, rw=point.rw and not read_only), other.detail(point.destination)
                )

    async def _volume(self, request: MountRequest, held: ExitStack) -> MountPoint:
        volume = await self.volumes.create(
            request.source, labels=request.labels, options=request.driver_options, driver=request.driver
        )
        held.enter_context(self.volumes.held(volume.name))
        return MountPoint(
            type="volume",
            name=volume.name,
            source=volume.mountpoint,
            destination=request.target,
            driver=volume.driver,
            mode=request.mode,
            rw=not request.read_only,
        )

    async def _image(self, container: Container, request: MountRequest, detail: MountDetail) -> Made:
        """Its layers with a writable one of our own over them, which nothing is ever written to: all drivers can."""
        same = any((point.destination, point.name) == (request.target, request.source) for point in container.mounts)
        snapshot = container.detail(request.target).snapshot if same else ""
        if not snapshot:
            snapshot = f"{container.id}-{secrets.token_hex(4)}"
            await self.snapshots.create(snapshot, self.image(request.source).layers)
        point = MountPoint(
            type="image",
            name=request.source,
            source=str(self.snapshots.of(snapshot).diff),
            destination=request.target,
            rw=False,
            propagation="rprivate",
        )
        return Made(point, msgspec.structs.replace(detail, snapshot=snapshot))

    async def fill(self, id: str, points: Iterable[MountPoint]) -> None:
        """Fills those volumes that are empty with what the container, which does not run, has at their targets."""
        found = [(self.volumes.get(point.name), point.destination) for point in points]
        # Most volumes are where the image has nothing, which can be seen without a mount of its root.
        empty = [(one, target) for one, target in found if self.volumes.may_be_empty(one) and self._has(id, target)]
        if not empty:
            return
        async with self.snapshots.of(id).mounted() as root:
            for volume, target in empty:
                await self.volumes.copy_up(volume, root, target)

    def _has(self, id: str, target: str) -> bool:
        """Whether there is anything at `target` in a container that does not run."""
        with closing_lookup(self.snapshots.of(id).directories(), target, follow=True) as found:
            return found is not None


def _detail(request: MountRequest, idmap: str | None) -> MountDetail:
    return MountDetail(
        recursive=request.recursive,
        depth=request.depth,
        propagation_asked=bool(request.propagation),
        subpath=request.subpath,
        idmap=idmap,
    )
