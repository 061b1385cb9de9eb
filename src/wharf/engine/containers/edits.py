"""Other settings for a container that exists: it keeps its id, name, files, volumes and networks.

A container that does not run gets them in one transaction. One that runs gets the intent recorded, is stopped, and
tries them at its start; until that has succeeded its record has both (see record.Edit), so whatever happens in between
leaves the one container or the other.
"""

from collections.abc import Mapping, Sequence
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
from wharf.engine.containers.stopping import Stops
from wharf.engine.containers.store import ContainerStore
from wharf.errors import Conflict, EngineError
from wharf.linux import scopes
from wharf.runtime.contract import Monitor


@dataclass(slots=True)
class Edits:
    store: ContainerStore
    lives: Lives
    stops: Stops
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
            before = self.lives.current(container.id)
            _check_state(before, restart=restart)
            changing.check_fixed(before, change)
            recorded, warnings = await self._record(before, live, change, restart=restart)
        if recorded.edit is None:
            await self._drop_layers(recorded, had=before)
        elif restart:
            await self._start_again(recorded, before, timeout)
        self.lives.publish("update", recorded)
        return warnings

    async def resume(self, container: Container) -> None:
        """Goes on with an edit that a daemon that died has left: it has stopped the container, or begun to.

        Raises the error of a start that fails: then the container is, and runs, as before.
        """
        await self._start_again(container, container.without_edit(), None)

    async def _record(
        self, container: Container, live: Live, change: Change, *, restart: bool
    ) -> tuple[Container, list[str]]:
        """Records what is wanted, as an edit where that waits for a start; the new record, and warnings."""
        base = container.edit.other if container.edit and not container.edit.tried else container.settings
        config, host, warnings = self._checked(container.id, base, change)
        settings = _settings(base, config, host)
        wanted = container.with_settings(msgspec.structs.replace(settings, mounts=[], mount_details={}))
        unfilled: list[MountPoint] = []
        volumes = {point.destination: point.name for point in container.all_mounts if point.type == "volume"}
        try:
            with ExitStack() as held:
                points = self.creations.mounting.points
                known = container.with_settings(settings)
                async for made in points(known, held, anonymous=self._anonymous(volumes)):
                    wanted = wanted.with_mount(made.point, made.detail)
                    if made.unfilled and made.point.name not in volumes.values():
                        unfilled.append(made.point)
                recorded = await self._accepted(container, live, wanted.settings, unfilled, restart=restart)
                self.store.update(recorded, durable=True)
        except BaseException:
            await self._forget(wanted, but=container)
            raise
        return recorded, warnings

    def _anonymous(self, volumes: Mapping[str, str]) -> dict[str, str]:
        """Those of the container's volumes that have no name of their own, by target."""
        known = self.creations.mounting.volumes
        return {target: name for target, name in volumes.items() if known.get(name).anonymous}

    async def _accepted(
        self, container: Container, live: Live, settings: Settings, unfilled: list[MountPoint], *, restart: bool
    ) -> Container:
        """The record to be: with an edit that waits for a start, or with the settings, which are felt at once."""
        if container.running and changing.needs_start(container.settings, settings):
            waiting = [*(container.edit.unfilled if container.edit else ()), *unfilled]
            return container.with_(edit=Edit(other=settings, unfilled=waiting, restart=restart))
        if not container.running:
            await self.creations.mounting.fill(container.id, unfilled)
        elif live.monitor is not None:
            await self._limit(container, live.monitor, settings)
        return container.with_settings(settings)

    def _checked(self, id: str, base: Settings, change: Change) -> tuple[ContainerConfig, HostConfig, list[str]]:
        config, host = changing.changed(base, change)
        # The name that a container has been given is no wish of the user's, which could clash with a mode.
        asked = config if "hostname" in change.config else msgspec.structs.replace(config, hostname="")
        host, warnings = self.creations.accepted(asked, host)
        return self.creations.with_hostname(config, host, id), host, warnings

    async def _limit(self, container: Container, monitor: Monitor, settings: Settings) -> None:
        limits = update.limits_of(container.host, settings.host)
        try:
            await scopes.set_limits(monitor.cgroup, container.id, limits)
        except (OSError, EngineError) as error:
            reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
            raise EngineError(f"Cannot edit container {container.id}: {reason}") from None

    async def _start_again(self, recorded: Container, before: Container, timeout: int | None) -> None:
        try:
            await self.stops.restart(recorded, timeout, "")
        except Exception:
            # Where the start failed this is done already; but the stop may have failed, too.
            async with self.lives.of(recorded).lock:
                self.store.update(self.lives.current(recorded.id).without_edit())
            await self._forget(recorded, but=before)
            raise
        await self._drop_layers(recorded.trying_edit().with_(edit=None), had=before)

    async def _forget(self, wanted: Container, *, but: Container) -> None:
        """Removes what was made for settings that nobody has now, but not what the container has still."""
        kept = {point.name for point in but.all_mounts}
        for name in {point.name for point in wanted.all_mounts if point.type == "volume"} - kept:
            await self.removals.remove_if_anonymous(name, wanted.id)
        await self._drop_layers(but, had=wanted)

    async def _drop_layers(self, now: Container, *, had: Container) -> None:
        """Removes the layers over images that are mounted no more."""
        for snapshot in set(had.snapshots) - set(now.snapshots):
            await self.removals.snapshots.remove(snapshot)


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
