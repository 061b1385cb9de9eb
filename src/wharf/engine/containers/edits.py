"""Other settings for a container that exists: it keeps its id, name, files, volumes and networks.

A container that does not run gets them in one transaction. One that runs gets the intent recorded, is stopped, and
tries them at its start; until that has succeeded its record has both (see record.Edit), so whatever happens in between
leaves the one container or the other.
"""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig, MountPoint
from wharf.engine.containers import changing, update
from wharf.engine.containers.changing import Change
from wharf.engine.containers.creating import Creations
from wharf.engine.containers.live import Live
from wharf.engine.containers.record import Container, Edit, Settings, Status
from wharf.engine.containers.removing import Removals
from wharf.engine.containers.running import Lives
from wharf.engine.containers.store import ContainerStore
from wharf.errors import Conflict, EngineError
from wharf.linux import cgroup_limits


@dataclass(slots=True)
class Edits:
    store: ContainerStore
    lives: Lives
    creations: Creations
    removals: Removals

    async def edit(
        self, ref: str, change: Change, *, restart: bool = True, timeout: int | None = None
    ) -> Sequence[str]:
        """Changes what `change` names; gives warnings. A container that runs is started again where that is needed.

        Without `restart` its next start tries the new settings. `timeout` is the stop's, in seconds. Raises
        NoSuchContainer, InvalidArgument, NotImplementedByUs, Conflict, and the error of a start that fails: then the
        container is, and runs, as before.
        """
        container = self.store.find(ref)
        live = self.lives.of(container)
        async with live.lock:
            container = self.lives.current(container.id)
            _check_state(container, restart=restart)
            wanted, warnings, waits = await self._accept(container, live, change, restart=restart)
        if waits and restart:
            await self._start_again(wanted, timeout)
        self.lives.publish("update", wanted)
        return warnings

    async def _accept(
        self, container: Container, live: Live, change: Change, *, restart: bool
    ) -> tuple[Container, list[str], bool]:
        """Records what is wanted: the new record, warnings, and whether it waits for a start."""
        changing.check_fixed(container, change)
        base = container.edit.other if container.edit and not container.edit.tried else container.settings
        config, host, warnings = self._checked(container.id, base, change)
        with ExitStack() as held:
            made: list[MountPoint] = []
            try:
                settings, unfilled = await self._with_mounts(container, _settings(base, config, host), held, made)
                waits = container.running and changing.needs_start(container.settings, settings)
                if waits:
                    waiting = [*(container.edit.unfilled if container.edit else ()), *unfilled]
                    edit = Edit(other=settings, unfilled=waiting, restart=restart)
                    wanted = container.with_(edit=edit)
                else:
                    await self._apply(container, live, settings, unfilled)
                    wanted = container.with_settings(settings)
                self.store.update(wanted, durable=True)
            except BaseException:
                held.close()
                await self._forget_volumes(container, made)
                raise
        return wanted, warnings, waits

    def _checked(self, id: str, base: Settings, change: Change) -> tuple[ContainerConfig, HostConfig, list[str]]:
        config, host = changing.changed(base, change)
        # The name that a container has been given is no wish of the user's, which could clash with a mode.
        asked = config if "hostname" in change.config else msgspec.structs.replace(config, hostname="")
        host, warnings = self.creations.accepted(asked, host)
        return self.creations.with_hostname(config, host, id), host, warnings

    async def _with_mounts(
        self, container: Container, settings: Settings, held: ExitStack, made: list[MountPoint]
    ) -> tuple[Settings, list[MountPoint]]:
        """The settings with their mount points, and those of them that are new volumes to be filled.

        `made` is told of every volume that the container did not have.
        """
        volumes = {point.destination: point.name for point in container.all_mounts if point.type == "volume"}
        mounting = self.creations.mounting
        anonymous = {target: name for target, name in volumes.items() if mounting.volumes.get(name).anonymous}
        wanted = container.with_settings(msgspec.structs.replace(settings, mounts=[], mount_details={}))
        unfilled = []
        async for one in mounting.points(container.with_settings(settings), held, anonymous=anonymous):
            wanted = wanted.with_mount(one.point, one.detail)
            if one.point.type == "volume" and one.point.name not in volumes.values():
                made.append(one.point)
                unfilled += [one.point] if one.unfilled else []
        return wanted.settings, unfilled

    async def _apply(
        self, container: Container, live: Live, settings: Settings, unfilled: Sequence[MountPoint]
    ) -> None:
        """Makes the container feel at once what it can; its record is the caller's."""
        if not container.running:
            await self.creations.mounting.fill(container.id, unfilled)
        elif live.monitor is not None:
            limits = update.limits_of(container.host, settings.host)
            try:
                await asyncio.to_thread(cgroup_limits.set_limits, live.monitor.cgroup, limits)
            except OSError as error:
                reason = f"{error.filename}: {error.strerror}"
                raise EngineError(f"Cannot edit container {container.id}: {reason}") from None

    async def _start_again(self, wanted: Container, timeout: int | None) -> None:
        try:
            await self.lives.restart(wanted, timeout, "")
        except Exception:
            # Where the start failed this is done already; but the stop may have failed, too.
            async with self.lives.of(wanted).lock:
                self.store.update(before := self.lives.current(wanted.id).without_edit())
            assert wanted.edit is not None
            kept = {point.name for point in before.mounts}
            await self._forget_volumes(wanted, [point for point in wanted.edit.unfilled if point.name not in kept])
            raise

    async def _forget_volumes(self, container: Container, made: Sequence[MountPoint]) -> None:
        """Removes volumes without names that were made for settings that nobody has now."""
        for name in {point.name for point in made}:
            await self.removals.remove_if_anonymous(name, container.id)


def _settings(base: Settings, config: ContainerConfig, host: HostConfig) -> Settings:
    words = [*(config.entrypoint or []), *(config.cmd or [])]
    return msgspec.structs.replace(base, path=words[0], args=words[1:], config=config, host=host)


def _check_state(container: Container, *, restart: bool) -> None:
    if container.status in (Status.REMOVING, Status.DEAD):
        raise Conflict('Container is marked for removal and cannot be "edited".')
    if container.edit is not None and container.edit.restart:
        raise Conflict(f"another edit of container {container.id} is in progress")
    if container.status is Status.PAUSED and restart:
        raise Conflict(f"Container {container.id} is paused. Unpause the container before editing it")
