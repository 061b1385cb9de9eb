"""The operations on containers that faces call. Each finds the container by what the user wrote."""

import asyncio
import logging
import os
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from wharf.apitypes import stdcopy
from wharf.apitypes.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerSummary,
    Created,
    HostConfig,
    MountPoint,
    NetworkingConfig,
    Top,
)
from wharf.engine.config import EngineConfig
from wharf.engine.containers import creation, inspecting, listing, mounts, naming, processes, wording
from wharf.engine.containers.archive import Files
from wharf.engine.containers.attaching import Attachment, AttachOptions
from wharf.engine.containers.binding import bind_point
from wharf.engine.containers.commit import Commits
from wharf.engine.containers.live import Live, WaitResult, parse_condition
from wharf.engine.containers.record import ALIVE, Container, Status
from wharf.engine.containers.running import Lives, timestamp
from wharf.engine.containers.starting import Places, Starter, remove_tree
from wharf.engine.containers.stats import Statistics
from wharf.engine.containers.store import ContainerStore, name_taken
from wharf.engine.containers.update import Updates
from wharf.engine.images.host import host_platform
from wharf.engine.images.images import Images
from wharf.engine.images.record import Image
from wharf.engine.networks.service import Networks
from wharf.engine.volumes import Volumes
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, NotImplementedByUs
from wharf.events.bus import Bus
from wharf.logs.entries import LogEntry, LogQuery
from wharf.logs.reading import read_logs
from wharf.snapshots.contract import Snapshots
from wharf.spec.platform import Platform, fallbacks

log = logging.getLogger(__name__)

Sized = TypeVar("Sized", ContainerInspect, ContainerSummary)


@dataclass(frozen=True, slots=True)
class LogStream:
    """A container's log. `entries` is read to its end or closed."""

    tty: bool
    entries: AsyncIterator[list[LogEntry]]


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
        self._config = config
        self._places = places
        self._store = store
        self._images = images
        self._snapshots = snapshots
        self._networks = networks
        self._default_runtime = starter.default_runtime
        self._unified_cgroups = starter.host.unified
        self._volumes = volumes
        self._starter = starter
        self.lives = Lives(store, starter, events, remove_ended=lambda id: self.remove(id, volumes=True))
        self.files = Files(store, self.lives, places, snapshots)
        self.statistics = Statistics(store, self.lives)
        self.updates = Updates(store, self.lives)
        self.commits = Commits(store, self.lives, self.files, images)
        self._random = random.Random(secrets.randbits(64))

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
        self._starter.hasten()  # docker run starts it next
        chosen = naming.parse(name) if name else self._free_name()
        image = self._image(config.image, platform)
        merged = creation.merge(config, image.config.config)
        host = self._with_defaults(host)
        warnings = creation.check(merged, host, cpus=os.cpu_count() or 1)
        networking = self._networks.place(host.network_mode, networking)
        self._check_runtime(host.runtime)
        id = secrets.token_hex(32)
        host_named = self._hostname(merged, host, id)
        entrypoint = [*(merged.entrypoint or ()), *(merged.cmd or ())]
        container = Container(
            id=id,
            name=chosen,
            created=timestamp(),
            image=image.id,
            path=entrypoint[0],
            args=entrypoint[1:],
            config=host_named,
            host=host,
            networking=networking,
        )
        if holder := self._store.by_name(chosen):
            raise Conflict(name_taken(chosen, holder.id))
        with ExitStack() as held:
            container = await self._make(container, image, held)
        self.lives.publish("create", container)
        return Created(id=id, warnings=warnings)

    async def _make(self, container: Container, image: Image, held: ExitStack) -> Container:
        """Makes all that the container has on disk, then its record. After a failure nothing is left."""
        try:
            await self._snapshots.create(container.id, image.layers)
            async for point in self._make_mounts(container, held):
                container = container.with_(mounts=[*container.mounts, point])
            self._places.directory(container.id).mkdir(mode=0o710, parents=True)
            self._store.add(container)
        except BaseException:
            held.close()
            await self._discard(container, volumes=True)
            raise
        return container

    def _image(self, name: str, platform: str) -> Image:
        if not name:
            raise InvalidArgument("Config.Image: no image specified")
        image = self._images.get(name)
        if platform:
            spec = image.config
            wanted, actual = (
                Platform.parse(platform, host_platform()),
                Platform.normalised(spec.os, spec.architecture, spec.variant),
            )
            if actual not in fallbacks(wanted):
                raise NotFound(
                    f"image with reference {name} was found but does not match the specified platform: "
                    f"wanted {wanted}, actual: {actual}"
                )
        return image

    def _free_name(self) -> str:
        attempt = 0
        while True:
            name = naming.generate(self._random.getrandbits(32), attempt)
            if self._store.by_name(name) is None:
                return name
            attempt = self._random.randrange(10) if attempt < 20 else self._random.getrandbits(30)

    def _with_defaults(self, host: HostConfig) -> HostConfig:
        """What dockerd fills in and shows in inspect."""
        given = host.log_config
        driver = given.type or self._config.logs.driver
        same = driver == self._config.logs.driver
        options = {**self._config.logs.options, **given.config} if same else given.config
        return msgspec.structs.replace(
            host,
            log_config=msgspec.structs.replace(given, type=driver, config=options),
            network_mode=host.network_mode or "default",
            ipc_mode=host.ipc_mode or self._config.default_ipc_mode,
            cgroupns_mode=host.cgroupns_mode
            or creation.cgroup_namespace(self._config.default_cgroupns_mode, host, unified=self._unified_cgroups),
            **creation.hidden_paths(host),
            runtime=host.runtime or self._default_runtime,
            shm_size=host.shm_size or self._config.shm_size,
            restart_policy=msgspec.structs.replace(host.restart_policy, name=host.restart_policy.name or "no"),
        )

    def _check_runtime(self, name: str) -> None:
        if name not in self._config.runtimes:
            raise InvalidArgument(f"unknown or invalid runtime name: {name}")

    def _hostname(self, config: ContainerConfig, host: HostConfig, id: str) -> ContainerConfig:
        kind, _, other = host.network_mode.partition(":")
        if kind == "container" and (sharing := self._store.search(other)) is not None:
            shared = sharing.config
            return msgspec.structs.replace(config, hostname=shared.hostname, domainname=shared.domainname)
        if not config.hostname:
            name = os.uname().nodename if kind == "host" or host.uts_mode == "host" else id[:12]
            return msgspec.structs.replace(config, hostname=name)
        return config

    async def _make_mounts(self, container: Container, held: ExitStack) -> AsyncIterator[MountPoint]:
        """Mount points of the record: volumes exist and are filled, missing sources of -v are made."""
        targets = {request.target for request in mounts.requests_of(container.host)}
        for ref, read_only in mounts.volumes_from(container.host.volumes_from):
            for point in self._store.find(ref).mounts:
                if point.destination not in targets:
                    targets.add(point.destination)
                    yield msgspec.structs.replace(point, rw=point.rw and not read_only)
        own = {request.target for request in mounts.requests_of(container.host)}
        for request in mounts.requests(container.config, container.host):
            if request.target in targets and request.target not in own:
                continue  # the image's VOLUME, which --volumes-from has replaced
            if request.kind == "bind":
                yield bind_point(request)
            elif request.kind == "volume":
                yield await self._volume(container, request, held)

    async def _volume(self, container: Container, request: mounts.MountRequest, held: ExitStack) -> MountPoint:
        volume = await self._volumes.create(request.source, labels=request.labels)
        held.enter_context(self._volumes.held(volume.name))
        if request.copy and self._volumes.is_empty(volume):
            async with self._snapshots.mounted(container.id) as root:
                await self._volumes.copy_up(volume, root, request.target)
        return MountPoint(
            type="volume",
            name=volume.name,
            source=volume.mountpoint,
            destination=request.target,
            driver=volume.driver,
            mode=request.mode,
            rw=not request.read_only,
        )

    # ── life ──

    async def start(self, ref: str) -> bool:
        """False when it runs already. Raises EngineError with the reason when it cannot run."""
        return await self.lives.start(self._store.find(ref))

    async def stop(self, ref: str, timeout: int | None = None, signal: str = "") -> bool:
        """False when it was not running."""
        return await self.lives.stop(self._store.find(ref), timeout, signal)

    async def restart(self, ref: str, timeout: int | None = None, signal: str = "") -> None:
        await self.lives.restart(self._store.find(ref), timeout, signal)

    async def kill(self, ref: str, signal: str = "SIGKILL") -> None:
        try:
            container = self._store.find(ref)
        except NotFound as error:
            raise NotFound(f"Cannot kill container: {ref}: {error}") from None
        await self.lives.kill(container, signal)

    async def pause(self, ref: str) -> None:
        await self.lives.pause(self._store.find(ref))

    async def unpause(self, ref: str) -> None:
        await self.lives.unpause(self._store.find(ref))

    async def rename(self, ref: str, name: str) -> None:
        container = self._store.find(ref)
        if not name or name == "/":
            raise InvalidArgument("Neither old nor new names may be empty")
        new = naming.parse(name)
        if new == container.name:
            raise InvalidArgument("Renaming a container with the same name as its current name")
        async with self.lives.of(container).lock:
            try:
                renamed = self._store.rename(self.lives.current(container.id), new)
            except Conflict as error:
                raise Conflict(f"Error when allocating new name: {error}") from None
        self.lives.publish("rename", renamed, oldName=f"/{container.name}")

    async def wait(self, ref: str, condition: str = "not-running") -> Awaitable[WaitResult]:
        """Registers for the condition; the returned awaitable gives the exit code when it holds."""
        container = self._store.find(ref)
        kind = parse_condition(condition)
        live = self.lives.of(container)
        future = live.wait(kind)
        if kind == "not-running" and not container.running:
            future.set_result(WaitResult(container.exit_code))
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
            self.lives.stop(c, c.config.stop_timeout if c.config.stop_timeout is not None else seconds, "")
            for c in running
        )
        for container, result in zip(running, await asyncio.gather(*ends, return_exceptions=True), strict=True):
            if isinstance(result, BaseException):
                log.warning("could not stop a container", extra={"container": container.id, "reason": str(result)})

    # ── remove ──

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
        """Removes a container, with `volumes` also its anonymous volumes, with `force` also when it runs."""
        if link:
            raise NotImplementedByUs("links are not supported")
        container = self._store.find(ref)
        live = self.lives.of(container)
        if container.status is Status.REMOVING:
            raise Conflict(f"removal of container {ref} is already in progress")
        if container.running:
            if not force:
                raise Conflict(wording.still_running(container))
            await self.lives.end_for_removal(container)
        async with live.lock:
            container = self.lives.current(container.id)
            if container.running:
                raise Conflict(wording.still_running(container))
            live.cancel_restart()
            # The intent: a daemon that dies here finishes the removal at its next start.
            self._store.update(container.with_(status=Status.REMOVING))
            try:
                await self._discard(container, volumes=volumes)
            except BaseException as error:
                # Dead, not "in progress" for ever: it can be asked for again.
                self._store.update(container.with_(status=Status.DEAD, error=str(error)))
                raise
        self._forget(container, live)

    def _forget(self, container: Container, live: Live) -> None:
        self._store.remove(container)
        self.lives.live.pop(container.id, None)
        self.lives.publish("destroy", container)
        live.end_early_attachments()
        live.tell(WaitResult(container.exit_code), "not-running", "next-exit", "removed")

    async def _discard(self, container: Container, *, volumes: bool = False) -> None:
        """Removes all that a container has on disk; what is gone already is fine."""
        await self._snapshots.remove(container.id)
        remove_tree(self._places.directory(container.id))
        if volumes:
            for point in container.mounts:
                if point.type == "volume":
                    await self._remove_if_anonymous(point.name, container.id)

    async def _remove_if_anonymous(self, name: str, container_id: str) -> None:
        try:
            if self._volumes.get(name).anonymous and not self._store.users_of_volume(name, but=container_id):
                await self._volumes.remove(name, force=True, leaving=container_id)
        except EngineError as error:
            log.warning("an anonymous volume stays", extra={"volume": name, "reason": str(error)})

    async def finish_removal(self, container: Container) -> None:
        """Ends a removal that an earlier daemon began; where that is not possible the container is dead."""
        try:
            await self._discard(container)
        except EngineError as error:
            self._store.update(container.with_(status=Status.DEAD, error=str(error)))
            log.warning("a removal could not be ended", extra={"container": container.id, "reason": str(error)})
            return
        self._store.remove(container)

    async def prune(self, filters: listing.Filters) -> tuple[Sequence[str], int]:
        """Removes all stopped containers that the filters name; ids and freed bytes."""
        listing.check(filters, listing.PRUNE_KNOWN)
        matches = listing.prune_matcher(filters, datetime.now(UTC))
        removed, freed = [], 0
        for container in self._store:
            if container.running or container.status is Status.REMOVING or not matches(container):
                continue
            size = await self._snapshots.usage(container.id)
            try:
                await self.remove(container.id)
            except (Conflict, NotFound):
                continue  # started or removed by somebody else meanwhile
            removed.append(container.id)
            freed += size
        return removed, freed

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
        if not (all or limit > 0 or before or since or filters.get("status")):
            chosen = [c for c in chosen if c.running]
        chosen = [c for c in chosen if matches(c)]
        now = datetime.now(UTC)
        lines = [
            inspecting.summary(
                c, self.lives.health(c), image_name=self._image_name(c), network_id=self._networks.id_of, now=now
            )
            for c in (chosen[:limit] if limit > 0 else chosen)
        ]
        return [await self._sized(line, line.image_id) for line in lines] if size else lines

    async def _sized(self, answer: Sized, image: str) -> Sized:
        rw = await self._snapshots.usage(answer.id)
        return msgspec.structs.replace(answer, size_rw=rw, size_root_fs=rw + self._images.get(image).size)

    def _image_name(self, container: Container) -> str:
        name = container.config.image
        try:
            return name if self._images.get(name).id == container.image else container.image
        except NotFound:
            return container.image

    async def inspect(self, ref: str, *, size: bool = False) -> ContainerInspect:
        container = self._store.find(ref)
        answer = inspecting.inspect(
            container,
            self.lives.health(container),
            directory=self._places.directory(container.id),
            log_path=str(self._places.log(container.id)) if container.host.log_config.type != "none" else "",
            network_id=self._networks.id_of,
            driver=self._snapshots.name,
            driver_data=self._driver_data(container),
            execs=[one.id for one in self.lives.of(container).execs.values() if one.exit_code is None],
        )
        return await self._sized(answer, container.image) if size else answer

    def _driver_data(self, container: Container) -> dict[str, str]:
        try:
            return self._snapshots.graph_driver(container.id)
        except NotFound:
            return {}  # it is being removed, or that has failed

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
        replay = await self._replay(container, options) if options.logs else b""
        attachment = Attachment(options, tty=container.config.tty, replay=replay)
        async with live.lock:
            if not options.stream or container.status in (Status.REMOVING, Status.DEAD):
                attachment.connect(None)
            elif live.monitor is not None:
                attachment.connect(
                    await live.monitor.attach(stdin=options.stdin, stdout=options.stdout, stderr=options.stderr)
                )
            else:
                live.early.append(attachment)
        self.lives.publish("attach", container)
        return attachment

    async def _replay(self, container: Container, options: AttachOptions) -> bytes:
        query = LogQuery(stdout=options.stdout, stderr=options.stderr)
        parts = []
        async for entries in (await self.logs(container.id, query)).entries:
            for entry in entries:
                parts.append(entry.line if container.config.tty else stdcopy.frame(entry.stream, entry.line))
        return b"".join(parts)

    async def logs(self, ref: str, query: LogQuery, *, details: bool = False) -> LogStream:
        """What a container wrote; with `follow` also what it will write until it ends."""
        container = self._store.find(ref)
        if container.host.log_config.type == "none":
            raise NotImplementedByUs("configured logging driver does not support reading")
        ended = self.lives.of(container).ended
        return LogStream(container.config.tty, read_logs(self._places.log(container.id), query, ended))

    # ── what others ask ──

    def counts(self) -> dict[str, int]:
        """How many containers are running, paused and stopped."""
        all_of = list(self._store)
        paused = sum(c.status is Status.PAUSED for c in all_of)
        running = sum(c.status in ALIVE or c.status is Status.RESTARTING for c in all_of) - paused
        return {"running": running, "paused": paused, "stopped": len(all_of) - running - paused}
