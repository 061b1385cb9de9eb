"""Removal of containers, with all that they have on disk."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from wharf.engine.containers import links, listing, wording
from wharf.engine.containers.live import Live, WaitResult
from wharf.engine.containers.record import Container, Status
from wharf.engine.containers.running import Lives
from wharf.engine.containers.starting import Places, remove_tree
from wharf.engine.containers.stopping import Stops
from wharf.engine.containers.store import ContainerStore
from wharf.engine.volumes import Volumes
from wharf.errors import Conflict, EngineError, NoSuchContainer, NotFound
from wharf.snapshots.contract import Snapshots

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Removals:
    """Removes containers."""

    places: Places
    store: ContainerStore
    snapshots: Snapshots
    volumes: Volumes
    lives: Lives
    stops: Stops

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
        """Removes a container, with `volumes` also its anonymous volumes, with `force` also when it runs.

        With `link` it removes a link, which is called as lists show it: `owner/alias`.
        """
        if link:
            await self._remove_link(ref)
            return
        container = self.store.find(ref)
        live = self.lives.of(container)
        if container.status is Status.REMOVING:
            raise Conflict(f"removal of container {ref} is already in progress")
        if container.running and not force:
            raise Conflict(f'cannot remove container "{ref}": {wording.still_running(container)}')
        live.keep = True  # it goes by this removal, not by its auto-remove
        try:
            if force:
                await self.stops.end_for_removal(container)
            await self._remove(container, live, ref, volumes=volumes)
        finally:
            live.keep = False

    async def _remove(self, container: Container, live: Live, ref: str, *, volumes: bool) -> None:
        async with live.lock:
            container = self.lives.current(container.id)
            if container.running:
                raise Conflict(f'cannot remove container "{ref}": {wording.still_running(container)}')
            live.cancel_restart()
            # The intent: a daemon that dies here finishes the removal at its next start. On the disk, or a power cut
            # would bring the container back, without its files, and its restart policy would start it.
            container = container.with_(status=Status.REMOVING, remove_volumes=volumes)
            self.store.update(container, durable=True)
            try:
                await self.discard(container, volumes=volumes)
            except BaseException as error:
                # Dead, not "in progress" for ever: it can be asked for again.
                self.store.update(container.with_(status=Status.DEAD, error=str(error)))
                raise
        self._forget(container, live)

    async def _remove_link(self, ref: str) -> None:
        name, _, alias = ref.strip("/").partition("/")
        owner = self.store.find(name)
        if not alias:
            raise EngineError("Conflict, cannot remove the default link name of the container")
        async with self.lives.of(owner).lock:
            owner = self.lives.current(owner.id)
            kept = [text for text in owner.host.links if links.parse(text)[1] != alias]
            if kept == owner.host.links:
                raise NoSuchContainer(ref)
            self.store.update(owner.with_(host=msgspec.structs.replace(owner.host, links=kept)), durable=True)

    def _forget(self, container: Container, live: Live) -> None:
        self.store.remove(container)
        self.lives.live.pop(container.id, None)
        self.lives.publish("destroy", container)
        live.end_early_attachments()
        live.tell(WaitResult(container.exit_code), "not-running", "next-exit", "removed")

    async def discard(self, container: Container, *, volumes: bool = False) -> None:
        """Removes all that a container has on disk; what is gone already is fine."""
        for snapshot in container.snapshots:
            await self.snapshots.remove(snapshot)
        remove_tree(self.places.directory(container.id))
        if volumes:
            for name in {point.name for point in container.all_mounts if point.type == "volume"}:
                await self.remove_if_anonymous(name, container.id)

    async def remove_if_anonymous(self, name: str, container_id: str) -> None:
        """Removes a volume that nobody has named and nobody but the container uses."""
        try:
            if self.volumes.get(name).anonymous and not self.store.users_of_volume(name, but=container_id):
                await self.volumes.remove(name, force=True, leaving=container_id)
        except EngineError as error:
            log.warning("an anonymous volume stays", extra={"volume": name, "reason": str(error)})

    async def finish(self, container: Container) -> None:
        """Ends a removal that an earlier daemon began; where that is not possible the container is dead."""
        try:
            await self.discard(container, volumes=container.remove_volumes)
        except EngineError as error:
            self.store.update(container.with_(status=Status.DEAD, error=str(error)))
            log.warning("a removal could not be ended", extra={"container": container.id, "reason": str(error)})
            return
        self.store.remove(container)

    async def prune(self, filters: listing.Filters) -> tuple[Sequence[str], int]:
        """Removes all stopped containers that the filters name; ids and freed bytes."""
        listing.check(filters, listing.PRUNE_KNOWN)
        matches = listing.prune_matcher(filters, datetime.now(UTC))
        removed, freed = [], 0
        for container in self.store:
            if container.running or container.status is Status.REMOVING or not matches(container):
                continue
            size = await self.snapshots.usage(container.id)
            try:
                await self.remove(container.id)
            except (Conflict, NotFound):
                continue  # started or removed by somebody else meanwhile
            removed.append(container.id)
            freed += size
        return removed, freed
