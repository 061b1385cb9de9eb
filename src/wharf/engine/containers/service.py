"""The operations on containers that faces call. Each finds the container by what the user wrote."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TypeVar

import msgspec

from wharf.apitypes.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerSummary,
    Created,
    DriverData,
    HostConfig,
    NetworkingConfig,
    Top,
)
from wharf.engine.config import EngineConfig
from wharf.engine.containers import inspecting, links, listing, naming, processes, security, signals
from wharf.engine.containers.archive import Files
from wharf.engine.containers.attaching import Attachment, AttachOptions
from wharf.engine.containers.commit import Commits
from wharf.engine.containers.creating import Creations
from wharf.engine.containers.edits import Edits
from wharf.engine.containers.live import WaitResult, parse_condition
from wharf.engine.containers.logs import Logs, LogStream
from wharf.engine.containers.record import ALIVE, ZERO_TIME, Container, Status
from wharf.engine.containers.removing import Removals
from wharf.engine.containers.running import Lives
from wharf.engine.containers.starting import Places, Starter
from wharf.engine.containers.stats import Statistics
from wharf.engine.containers.stopping import Stops
from wharf.engine.containers.store import ContainerStore
from wharf.engine.containers.update import Updates
from wharf.engine.images.images import Images
from wharf.engine.networks.service import Networks
from wharf.engine.volumes import Volumes
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, told_as
from wharf.events.bus import Bus
from wharf.logs.entries import LogQuery
from wharf.snapshots.contract import Snapshots

log = logging.getLogger(__name__)

Sized = TypeVar("Sized", ContainerInspect, ContainerSummary)


class Containers:
    """All containers of this engine."""

    def __init__(
        self,
        *,
        config: EngineConfig,
        places: Places,
        store: ContainerStore,
        images: Images,
        snapshots: Snapshots,
        networks: Networks,
        volumes: Volumes,
        starter: Starter,
        events: Bus,
    ) -> None:
        self._places = places
        self._store = store
        self._images = images
        self._snapshots = snapshots
        self._networks = networks
        self.lives = Lives(store, starter, events, remove_ended=lambda id: self.remove(id, volumes=True))
        self.stops = Stops(self.lives)
        self.written = Logs(places, store, self.lives)
        self.files = Files(store, self.lives, places, snapshots, starter.sources)
        self.statistics = Statistics(store, self.lives)
        self.updates = Updates(store, self.lives)
        self.commits = Commits(store, self.lives, self.stops, self.files, images)
        self.removals = Removals(places, store, snapshots, volumes, self.lives, self.stops)
        self._creations = Creations(
            config,
            places,
            store,
            images,
            snapshots,
            networks,
            starter.mounting,
            self.lives,
            self.removals,
            starter.userns,
        )
        self.edits = Edits(store, self.lives, self.stops, self._creations, self.removals)

    # ── create ──

    async def create(
        self,
        name: str | None,
        config: ContainerConfig,
        host: HostConfig,
        networking: NetworkingConfig,
        platform: str = "",
    ) -> Created:
        """Makes a container that can be started. After a failure there is none."""
        return await self._creations.create(name, config, host, networking, platform)

    # ── life ──

    async def start(self, ref: str) -> bool:
        """False when it runs already. Raises EngineError with the reason when it cannot run."""
        return await self.lives.start(self._store.find(ref))

    async def stop(self, ref: str, timeout: int | None = None, signal: str = "") -> bool:
        """False when it was not running."""
        return await self.stops.stop(self._store.find(ref), timeout, signal)

    async def restart(self, ref: str, timeout: int | None = None, signal: str = "") -> None:
        container = self._store.find(ref)
        with told_as(f"Cannot restart container {ref}"):
            await self.stops.restart(container, timeout, signal)

    async def kill(self, ref: str, signal: str = "SIGKILL") -> None:
        """Sends a signal; SIGKILL (the default) also waits for the end."""
        with told_as(f"cannot kill container: {ref}"):
            number = signals.parse(signal or "SIGKILL")
            await self.stops.kill(self._store.find(ref), number)

    async def pause(self, ref: str) -> None:
        await self.stops.pause(self._store.find(ref))

    async def unpause(self, ref: str) -> None:
        await self.stops.unpause(self._store.find(ref))

    async def rename(self, ref: str, name: str) -> None:
        if not name:
            raise InvalidArgument("Neither old nor new names may be empty")
        container = self._store.find(ref)
        if name.removeprefix("/") == container.name:
            raise InvalidArgument("Renaming a container with the same name as its current name")
        async with self.lives.of(container).lock:
            with told_as("Error when allocating new name"):
                new = naming.parse(f"/{name.removeprefix('/')}")
                renamed = self._store.rename(self.lives.current(container.id), new)
        self.lives.publish("rename", renamed, oldName=f"/{container.name}")

    async def wait(self, ref: str, condition: str = "not-running") -> Awaitable[WaitResult]:
        """Registers for the condition; the returned awaitable gives the exit code when it holds."""
        container = self._store.find(ref)
        kind = parse_condition(condition)
        live = self.lives.of(container)
        future = live.wait(kind)
        if kind == "not-running" and not container.running:
            # Why it never ran is told; of one that has run, how it ended.
            error = container.error if container.started_at == ZERO_TIME else ""
            future.set_result(WaitResult(container.exit_code, error))
        return future

    async def resize(self, ref: str, height: int, width: int) -> None:
        container = self._store.find(ref)
        container.require_alive()
        monitor = self.lives.of(container).monitor
        if monitor is not None:
            await monitor.resize(height, width)
            self.lives.publish("resize", container, height=str(height), width=str(width))

    async def stop_all(self, seconds: int) -> None:
        """Stops every container, as at the daemon's end without live restore; a negative time waits for ever."""
        self.lives.closing = True
        running = [container for container in self._store if container.running]
        ends = (
            self.stops.stop(c, c.config.stop_timeout if c.config.stop_timeout is not None else seconds, "")
            for c in running
        )
        for container, result in zip(running, await asyncio.gather(*ends, return_exceptions=True), strict=True):
            if isinstance(result, BaseException):
                log.warning("could not stop a container", extra={"container": container.id, "reason": str(result)})

    # ── remove ──

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
        """Removes a container, with `volumes` also its anonymous volumes, with `force` also when it runs."""
        await self.removals.remove(ref, force=force, volumes=volumes, link=link)

    async def prune(self, filters: listing.Filters) -> tuple[Sequence[str], int]:
        """Removes all stopped containers that the filters name; ids and freed bytes."""
        return await self.removals.prune(filters)

    # ── look ──

    async def list(
        self, filters: listing.Filters, *, all: bool = False, limit: int = 0, size: bool = False
    ) -> Sequence[ContainerSummary]:
        """Newest first. Without `all`, `limit` or a filter that says otherwise, only running ones."""
        listing.check(filters)
        matches = listing.matcher(filters, self._images.descendants, self.lives.health, self._networks.name_of)
        chosen = sorted(self._store, key=lambda c: (c.created, c.id), reverse=True)
        if before := filters.get("before"):
            moment = min(self._store.find(ref).created for ref in before)
            chosen = [c for c in chosen if c.created < moment]
        if since := filters.get("since"):
            moment = max(self._store.find(ref).created for ref in since)
            chosen = [c for c in chosen if c.created > moment]
        if not (all or limit > 0 or filters.get("status")):
            chosen = [c for c in chosen if c.running]
        chosen = [c for c in chosen if matches(c)]
        now = datetime.now(UTC)
        image_name = cache(self._image_name)  # many containers have few images
        lines = [
            inspecting.summary(
                c,
                self.lives.health(c),
                image_name=image_name(c.config.image, c.image),
                network_id=self._networks.id_of,
                linked_as=links.names_by_links(c, self._store.linked_to(c.id)),
                now=now,
            )
            for c in (chosen[:limit] if limit > 0 else chosen)
        ]
        return [await self._sized(line, line.image_id) for line in lines] if size else lines

    async def _sized(self, answer: Sized, image: str) -> Sized:
        rw = await self._snapshots.usage(answer.id)
        return msgspec.structs.replace(answer, size_rw=rw, size_root_fs=rw + self._images.get(image).size)

    def _image_name(self, name: str, id: str) -> str:
        """What the image `id` is called: `name` while that still means it."""
        try:
            return name if self._images.get(name).id == id else id
        except NotFound:
            return id

    async def inspect(self, ref: str, *, size: bool = False) -> ContainerInspect:
        container = self._store.find(ref)
        answer = inspecting.inspect(
            container,
            self.lives.health(container),
            directory=self._places.directory(self._etc_of(container)),
            log_path=self.written.path(container),
            network_id=self._networks.id_of,
            graph_driver=self._graph_driver(container),
            links=links.shown(container, self._store.get),
            apparmor_profile=security.apparmor_profile(container.host, self.lives.starter.host.facts),
            execs=[one.id for one in self.lives.of(container).execs.values() if one.exit_code is None],
        )
        return await self._sized(answer, container.image) if size else answer

    def _etc_of(self, container: Container) -> str:
        """The id of the container whose files are bound to its /etc: who shares a network shares these, too."""
        kind, _, other = container.host.network_mode.partition(":")
        sharing = self._store.search(other) if kind == "container" else None
        return sharing.id if sharing is not None else container.id

    def _graph_driver(self, container: Container) -> DriverData:
        try:
            writable = self._snapshots.of(container.id)
            return DriverData(name=writable.driver, data=writable.graph_driver())
        except EngineError:
            # It is being removed, or that has failed, or a crash took its layers.
            return DriverData(name=self._snapshots.name)

    async def top(self, ref: str, ps_args: str = "-ef") -> Top:
        container = self._store.find(ref)
        container.require_alive()
        monitor = self.lives.of(container).monitor
        pids = await monitor.processes() if monitor is not None else []
        return await processes.list_processes(pids, ps_args or "-ef")

    # ── streams ──

    async def attach(self, ref: str, options: AttachOptions) -> Attachment:
        """Streams of a container; before its start they wait for it and then lose nothing."""
        container = self._store.find(ref)
        live = self.lives.of(container)
        if container.status is Status.PAUSED:
            raise Conflict(f"container {ref} is paused, unpause the container before attach")
        if options.logs:
            self.written.file(container)
        attachment = Attachment(
            options, tty=container.config.tty, on_detach=lambda: self.lives.publish("detach", container)
        )
        async with live.lock:
            container = self.lives.current(container.id)  # who held the lock may have removed it
            if not options.follows or container.status in (Status.REMOVING, Status.DEAD):
                attachment.connect(None)
            elif live.monitor is not None:
                attachment.connect(
                    await live.monitor.attach(stdin=options.stdin, stdout=options.stdout, stderr=options.stderr)
                )
            else:
                live.early.append(attachment)
        if options.logs:
            # Up to now, when all that comes reaches the attachment already: a line may come twice, but none is lost.
            attachment.replay = self.written.replay(container, options, datetime.now(UTC))
        self.lives.publish("attach", container)
        return attachment

    async def logs(self, ref: str, query: LogQuery, *, details: bool = False) -> LogStream:
        """What a container wrote; with `follow` also what it will write until it ends."""
        return await self.written.read(ref, query)

    async def clear_logs(self, ref: str) -> None:
        """★ Forgets what a container wrote until now."""
        await self.written.clear(ref)

    # ── what others ask ──

    def counts(self) -> dict[str, int]:
        """How many containers are running, paused and stopped."""
        all_of = list(self._store)
        paused = sum(c.status is Status.PAUSED for c in all_of)
        running = sum(c.status in ALIVE or c.status is Status.RESTARTING for c in all_of) - paused
        return {"running": running, "paused": paused, "stopped": len(all_of) - running - paused}
