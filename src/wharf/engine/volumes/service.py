"""The volumes of this engine: their records, who may use and remove them, and what they hold at first."""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from wharf.apitypes.containers import MountPoint
from wharf.apitypes.system import VolumeSummary
from wharf.apitypes.volumes import VolumeInspect, VolumesPruned
from wharf.db.database import Database
from wharf.engine.locks import Locks
from wharf.engine.volumes import describing
from wharf.engine.volumes.drivers import DEFAULT, open_drivers
from wharf.engine.volumes.elsewhere import Elsewhere
from wharf.engine.volumes.faults import during, mounting
from wharf.engine.volumes.filters import Filters, list_matcher, prune_matcher
from wharf.engine.volumes.mounted import Mounted
from wharf.engine.volumes.record import ANONYMOUS, Volume, now
from wharf.engine.volumes.store import VolumeStore
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, NotImplementedByUs
from wharf.linux.inside import open_in_root
from wharf.plugins.registry import Plugins
from wharf.volumes.contract import Described, VolumeDriver


class Publisher(Protocol):
    """What volumes ask of the event bus."""

    def publish(self, type: str, action: str, id: str, attributes: Mapping[str, str] | None = None) -> object: ...


class Volumes:
    """All volumes. `users` is set by who knows the containers: ids of those that use a volume."""

    def __init__(self, db: Database, root: Path, events: Publisher, plugins: Plugins | None = None) -> None:
        self._events = events
        self.drivers = open_drivers(root, plugins or Plugins())
        self._elsewhere = Elsewhere(self.drivers)
        self._store = VolumeStore(db)
        self._locks = Locks()
        self._mounted = Mounted(db, self._store, self.drivers, self._locks)
        self._held: Counter[str] = Counter()
        self.users: Callable[[str], Sequence[str]] = lambda name: ()
        self._finish_earlier_work()

    # ── create, find ──

    async def create(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        driver: str = "",
    ) -> Volume:
        """The volume of this name, made if there is none; without a name always a new one, marked as anonymous.

        What it returned survives a power cut. Raises InvalidArgument, NotFound for an unknown driver, Conflict when
        the name belongs to another driver.
        """
        labels = dict(labels or {})
        if not name:
            name = secrets.token_hex(32)
            labels[ANONYMOUS] = ""
        async with self._locks.locked(name):
            if present := self._store.get(name):
                if driver not in ("", present.driver):
                    with during("create", name):
                        if (await self.drivers.get(driver)).name == present.driver:
                            return present
                    taken = f"driver '{present.driver}' already has volume '{name}'"
                    raise Conflict(f"create {name}: {taken}: volume name must be unique")
                return present
            if not driver and ANONYMOUS not in labels and (found := await self._adopted(name)):
                return found
            with during("create", name):
                volume = await self._make(Volume(name, driver or DEFAULT, "", now(), labels, dict(options or {})))
        self._events.publish("volume", "create", name, {"driver": volume.driver})
        return volume

    async def _make(self, volume: Volume) -> Volume:
        driver = await self.drivers.get(volume.driver)
        await driver.create(volume.name, volume.options)
        described = await _quietly_described(driver, volume.name)
        # A managed plugin may be asked for without its tag, or by its id.
        volume = replace(volume, driver=driver.name, mountpoint=described.mountpoint)
        self._store.add(volume)
        return volume

    async def _adopted(self, name: str) -> Volume | None:
        """A volume that a plugin has without our having made it: from now on it is known."""
        found = await self._elsewhere.find(name)
        if found is not None:
            self._store.add(found)
        return found

    def get(self, name: str) -> Volume:
        """Raises NotFound."""
        volume = self._store.get(name)
        if volume is None:
            raise NotFound(f"get {name}: no such volume")
        return volume

    def uses_driver(self, driver: str) -> bool:
        """Whether there is a volume of this driver."""
        return any(volume.driver == driver for volume in self._store)

    async def find(self, name: str) -> Volume:
        """As get(), but plugins are asked, too."""
        return self._store.get(name) or await self._adopted(name) or self.get(name)

    async def list(self, filters: Filters) -> Sequence[Volume]:
        """Those on record, by name. Raises InvalidArgument for an unknown filter."""
        matches = list_matcher(filters, self._is_used)
        return [volume for volume in self._store if matches(volume)]

    async def list_all(self, filters: Filters) -> tuple[Sequence[Volume], Sequence[str]]:
        """Also those that only a plugin knows; warnings about plugins that do not answer.

        Plugins delay it by no more than the settings say, however many they are. Raises InvalidArgument.
        """
        matches = list_matcher(filters, self._is_used)
        elsewhere, warnings = await self._elsewhere.all()
        found = {volume.name: volume for volume in (*reversed(elsewhere), *self._store)}
        return [volume for _, volume in sorted(found.items()) if matches(volume)], warnings

    def summary(self, volume: Volume) -> VolumeInspect:
        """The volume as a list shows it: no driver is asked."""
        return describing.shown(volume, self.drivers.known_scope(volume.driver))

    async def inspect(self, volume: Volume) -> VolumeInspect:
        """The volume with what its driver tells. Raises EngineError for a plugin that does not answer."""
        with during("get", volume.name):
            driver = await self.drivers.get(volume.driver)
            described = await driver.describe(volume.name)
        shown = replace(volume, mountpoint=described.mountpoint or volume.mountpoint)
        return self.summary(shown).with_status(described.status)

    async def usage(self) -> Sequence[VolumeSummary]:
        """All volumes with what they take on disk and how many containers use them.

        However many are of servers that do not answer, they delay it no longer than one of them.
        """
        volumes = await self.list({})
        sizes = await asyncio.gather(*map(self._size, volumes))
        return [
            describing.with_usage(
                volume,
                self.drivers.known_scope(volume.driver),
                size=size,
                users=len(self.users(volume.name)),
            )
            for volume, size in zip(volumes, sizes, strict=True)
        ]

    @asynccontextmanager
    async def adding(self, volume: Volume) -> AsyncIterator[None]:
        """Records a new volume, which the block makes; after a failure there is none. Raises Conflict."""
        async with self._locks.locked(volume.name):
            if self._store.get(volume.name):
                raise Conflict(f"a volume with the name {volume.name} exists")
            self._store.add(volume)
            try:
                yield
            except BaseException:
                self._store.remove(volume.name)
                raise
        self._events.publish("volume", "create", volume.name, {"driver": volume.driver})

    # ── remove, rename ──

    async def remove(self, name: str, *, force: bool = False, leaving: str = "") -> None:
        """Removes a volume and all in it; `force` is content when there is none. Raises NotFound, Conflict.

        With `force` a volume is forgotten whose driver is not there any more. What that kept is its own business.
        `leaving` is the id of a container that is being removed itself: it does not count as a user.
        """
        async with self._locks.locked(name):
            volume = self._store.get(name) or await self._adopted(name)
            if volume is None and force:
                return
            await self._remove(volume or self.get(name), leaving, force=force)

    async def prune(self, filters: Filters) -> VolumesPruned:
        """Removes the unused volumes of this machine that the filters name."""
        matches = prune_matcher(filters)
        removed, freed = [], 0
        for volume in await self.list({"dangling": ["true"], "driver": [DEFAULT]}):
            if not matches(volume):
                continue
            size = await self._size(volume)
            try:
                await self.remove(volume.name)
            except (Conflict, NotFound):
                continue  # used or removed by somebody else meanwhile
            removed.append(volume.name)
            freed += max(size, 0)  # nobody may know it
        self._events.publish("volume", "prune", "", {"reclaimed": str(freed)})
        return VolumesPruned(volumes_deleted=removed, space_reclaimed=freed)

    async def _remove(self, volume: Volume, leaving: str, *, force: bool) -> None:
        with during("remove", volume.name):
            self._require_unused(volume.name, "remove", leaving)
            try:
                driver = await self.drivers.get(volume.driver)
            except NotFound:
                if not force:
                    raise
                self._forget(volume)
                return
            # First out of sight, then out of the records: a death in between is seen by the next engine.
            withdrawn = await driver.withdraw(volume.name)
            self._forget(volume)
            await driver.remove(withdrawn)

    def _forget(self, volume: Volume) -> None:
        self._store.remove(volume.name)
        self._events.publish("volume", "destroy", volume.name, {"driver": volume.driver})

    async def rename(self, name: str, new: str) -> None:
        """Gives a volume that nobody uses another name. Raises NotFound, Conflict, InvalidArgument.

        It has the old name or the new one, whatever happens; what it answered survives a power cut.
        """
        if name == new:
            raise InvalidArgument("Renaming a volume with the same name as its current name")
        first, second = sorted((name, new))
        async with self._locks.locked(first), self._locks.locked(second):
            volume = self.get(name)
            with during("rename", name):
                if volume.driver != DEFAULT:
                    raise NotImplementedByUs(f"volumes of the driver {volume.driver} cannot be renamed")
                self.drivers.local.check_name(new)
            self._require_unused(name, "rename", "")
            if self._store.get(new):
                raise Conflict(f"rename {name}: a volume with the name {new} exists")
            labels = {label: text for label, text in volume.labels.items() if label != ANONYMOUS}
            renamed = replace(volume, name=new, mountpoint=self.drivers.local.mountpoint(new), labels=labels)
            self._store.begin_rename(volume, renamed)
            await self.drivers.local.rename(name, new)
            self._store.end_rename(name)
        self._events.publish("volume", "rename", new, {"driver": volume.driver, "oldName": name})

    def _require_unused(self, name: str, what: str, leaving: str) -> None:
        if users := [id for id in self.users(name) if id != leaving]:
            raise Conflict(f"{what} {name}: volume is in use - [{', '.join(users)}]")
        if self._held[name]:
            raise Conflict(f"{what} {name}: volume is in use - [a container that is being created, or a copy]")

    def _finish_earlier_work(self) -> None:
        """Ends what an earlier engine began."""
        for old, new in self._store.renames():
            self.drivers.local.finish_rename(old, new)
            self._store.end_rename(old)
        local = [volume.name for volume in self._store if volume.driver == DEFAULT]
        for name in self.drivers.local.recover(local):
            if self._store.get(name):
                self._store.remove(name)

    def _is_used(self, name: str) -> bool:
        return bool(self.users(name)) or self._held[name] > 0

    # ── use ──

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Nobody removes the volume while the block runs: for a container that no record names yet."""
        self._held[name] += 1
        try:
            yield
        finally:
            self._held[name] -= 1
            self._held += Counter()  # drops the zeros

    def may_be_empty(self, volume: Volume) -> bool:
        """Whether copy_up() might fill it: worth asking before a container's root is mounted for that."""
        return volume.driver != DEFAULT or self.drivers.local.may_be_empty(volume.name, volume.options)

    async def copy_up(self, volume: Volume, container_root: Path, target: str) -> None:
        """Fills an empty volume with what the image has at `target`, a path inside `container_root`.

        Content, owners, modes, extended attributes, hard links, holes and times are the image's; links in `target`
        lead nowhere outside. A directory of this machine gets all or nothing, also if the engine dies. Does nothing
        when the volume is not empty or the image has nothing there.
        """
        with self.held(volume.name), during("copy up to", volume.name):
            source = _open_target(container_root, target)
            if source is None:
                return
            user = f"copy-up-{secrets.token_hex(4)}"
            try:
                async with self._locks.locked(volume.name):
                    path = await self._mounted.mount(volume, user)
                    try:
                        await (await self.drivers.get(volume.driver)).fill(volume.name, path, source)
                    finally:
                        await self._mounted.unmount(volume, user)
            finally:
                os.close(source)

    async def attach(self, mount: MountPoint, user: str) -> str:
        """Makes sure that the volume of `mount` can be used by the container `user`; the path where it is.

        Undone by detach(), also after a failure. Raises NotFound, EngineError.
        """
        volume = self.get(mount.name)
        async with self._locks.locked(volume.name):
            with mounting(volume):
                path = await self._mounted.mount(volume, user)
        attributes = {
            "container": user,
            "destination": mount.destination,
            "driver": volume.driver,
            "propagation": mount.propagation,
            "read/write": "true" if mount.rw else "false",
        }
        self._events.publish("volume", "mount", volume.name, attributes)
        return path

    def is_own(self, mount: MountPoint) -> bool:
        """Whether it is a volume that only containers write, in a directory of ours or in memory."""
        volume = self._store.get(mount.name) if mount.type == "volume" else None
        if volume is None or volume.driver != DEFAULT:
            return False
        return volume.options.get("type") == "tmpfs" or not self.drivers.local.needs_mount(volume.options)

    async def detach(self, mount: MountPoint, user: str) -> None:
        """The container `user` does not use the volume any more."""
        await self._mounted.give_back(mount.name, user)
        self._events.publish("volume", "unmount", mount.name, {"container": user, "driver": mount.driver})

    @asynccontextmanager
    async def lent(self, name: str, what: str) -> AsyncIterator[str]:
        """The path of a volume for the engine itself, while the block runs. Nobody removes it meanwhile."""
        volume = await self.find(name)
        user = f"{what}-{secrets.token_hex(4)}"
        with self.held(name):
            async with self._locks.locked(name):
                with mounting(volume):
                    path = await self._mounted.mount(volume, user)
            try:
                yield path
            finally:
                await self._mounted.give_back(name, user)

    def mounted_paths(self) -> Sequence[str]:
        """Where volumes are mounted on the host now, for who must not keep them."""
        return self._mounted.paths()

    def settle(self, runs: Callable[[str], bool]) -> None:
        """Gives back, in the background, what an earlier engine had mounted for who does not run any more."""
        self._mounted.settle(runs)

    def close(self) -> None:
        """Nobody waits for plugins any more."""
        self._mounted.close()
        self.drivers.plugins.close()

    async def _size(self, volume: Volume) -> int:
        if volume.driver != DEFAULT:
            return -1
        return await self.drivers.local.usage(volume.name, volume.options)


async def _quietly_described(driver: VolumeDriver, name: str) -> Described:
    """Of a volume that was just made. A driver that cannot tell is asked again by who wants to know."""
    try:
        return await driver.describe(name)
    except EngineError:
        return Described()


def _open_target(root: Path, target: str) -> int | None:
    """The directory at `target` as a container with this root sees it, open; None when there is nothing."""
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return open_in_root(top, target, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    finally:
        os.close(top)
