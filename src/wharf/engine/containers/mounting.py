"""Mount points of a container: volumes are made and filled, missing sources of -v too."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

import msgspec

from wharf.apitypes.containers import MountPoint
from wharf.engine.containers import mounts
from wharf.engine.containers.binding import bind_point
from wharf.engine.containers.record import Container
from wharf.engine.containers.store import ContainerStore
from wharf.engine.volumes import Volumes
from wharf.snapshots.contract import Snapshots


@dataclass(slots=True)
class Mounting:
    store: ContainerStore
    snapshots: Snapshots
    volumes: Volumes

    async def points(
        self, container: Container, held: ExitStack, *, anonymous: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[MountPoint, bool]]:
        """Mount points of the record, and whether each is a volume that wants to be filled: see fill().

        `held` keeps the volumes until a record names them. `anonymous` are volumes without a name of their own that the
        container has already, by their targets.
        """
        own = {request.target for request in mounts.requests_of(container.host)}
        targets = set(own)
        for ref, read_only in mounts.volumes_from(container.host.volumes_from):
            for point in self.store.find(ref).mounts:
                if point.destination not in targets:
                    targets.add(point.destination)
                    yield msgspec.structs.replace(point, rw=point.rw and not read_only), False
        for request in mounts.requests(container.config, container.host):
            if request.target in targets and request.target not in own:
                continue  # the image's VOLUME, which --volumes-from has replaced
            if request.kind == "bind":
                yield bind_point(request), False
            elif request.kind == "volume":
                known = (anonymous or {}).get(request.target, "") if not request.source else ""
                yield await self._volume(replace(request, source=known or request.source), held), request.copy

    async def _volume(self, request: mounts.MountRequest, held: ExitStack) -> MountPoint:
        volume = await self.volumes.create(request.source, labels=request.labels)
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

    async def fill(self, id: str, points: Iterable[MountPoint]) -> None:
        """Fills those volumes that are empty with what the container, which does not run, has at their targets."""
        found = [(self.volumes.get(point.name), point.destination) for point in points]
        empty = [(volume, target) for volume, target in found if self.volumes.is_empty(volume)]
        if not empty:
            return
        async with self.snapshots.mounted(id) as root:
            for volume, target in empty:
                await self.volumes.copy_up(volume, root, target)
