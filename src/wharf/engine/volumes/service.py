"""The volumes of this engine: their records, who may use and remove them, and what they hold at first."""

import asyncio
import logging
import os
import secrets
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from wharf.apitypes.containers import MountPoint
from wharf.apitypes.system import VolumeSummary, VolumeUsage
from wharf.apitypes.volumes import VolumeInspect, VolumesPruned
from wharf.db.database import Database
from wharf.engine.volumes import record
from wharf.engine.volumes.filters import Filters, list_matcher, prune_matcher
from wharf.engine.volumes.record import ANONYMOUS, Volume
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound, NotImplementedByUs
from wharf.linux.inside import open_in_root
from wharf.volumes.contract import Stopped, VolumeDriver
from wharf.volumes.local import LocalDriver

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class Publisher(Protocol):
    """What volumes ask of the event bus."""

    def publish(self, type: str, action: str, id: str, attributes: Mapping[str, str] | None = None) -> object: ...


class Volumes:
    """All volumes. `users` is set by who knows the containers: ids of those that use a volume."""

    def __init__(self, db: Database, root: Path, events: Publisher) -> None:
        self._db = db
        self._events = events
        local = LocalDriver(root)
        self._drivers: dict[str, VolumeDriver] = {local.name: local}
        self._by_name: dict[str, Volume] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._lock_users: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self.users: Callable[[str], Sequence[str]] = lambda name: ()
        for row in db.read("SELECT record FROM volumes"):
            volume = record.decode(row[0])
            self._by_name[volume.name] = volume
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
        async with self._locked(name):
            if present := self._by_name.get(name):
                if driver not in ("", present.driver):
                    raise Conflict(f"create {name}: volume exists with driver {present.driver}")
                return present
            driver = driver or LocalDriver.name
            with _during("create", name):
                chosen = self._driver(driver)
                chosen.check(name, options or {})
                mountpoint = os.fspath(chosen.mountpoint(name))
                volume = Volume(name, driver, mountpoint, _now(), labels, dict(options or {}))
                self._record(volume)
                try:
                    chosen.ensure(name)
                except BaseException:
                    self._erase(name)
                    raise
        self._events.publish("volume", "create", name, {"driver": driver})
        return volume

    def get(self, name: str) -> Volume:
        """Raises NotFound."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFound(f"get {name}: no such volume") from None

    async def list(self, filters: Filters) -> Sequence[Volume]:
        """By name. Raises InvalidArgument for an unknown filter."""
        matches = list_matcher(filters, self._is_used)
        return [volume for _, volume in sorted(self._by_name.items()) if matches(volume)]

    def inspect(self, volume: Volume) -> VolumeInspect:
        """The volume as the API shows it."""
        return VolumeInspect(
            created_at=volume.created_at,
            driver=volume.driver,
            labels=dict(volume.labels) or None,
            mountpoint=volume.mountpoint,
            name=volume.name,
            options=dict(volume.options) or None,
            scope=self._driver(volume.driver).scope,
        )

    async def usage(self) -> Sequence[VolumeSummary]:
        """All volumes with what they take on disk and how many containers use them."""
        return [
            VolumeSummary(
                name=volume.name,
                driver=volume.driver,
                mountpoint=volume.mountpoint,
                created_at=volume.created_at,
                labels=dict(volume.labels) or None,
                options=dict(volume.options) or None,
                usage_data=VolumeUsage(size=await self._size(volume), ref_count=len(self.users(volume.name))),
            )
            for volume in await self.list({})
        ]

    # ── remove ──

    async def remove(self, name: str, *, force: bool = False, leaving: str = "") -> None:
        """Removes a volume and all in it; `force` is content when there is none. Raises NotFound, Conflict.

        `leaving` is the id of a container that is being removed itself: it does not count as a user.
        """
        if name not in self._by_name and force:
            return
        async with self._locked(name):
            if name not in self._by_name and force:
                return
            await self._remove(self.get(name), leaving)

    async def prune(self, filters: Filters) -> VolumesPruned:
        """Removes the unused volumes that the filters name."""
        matches = prune_matcher(filters)
        removed, freed = [], 0
        for volume in await self.list({"dangling": ["true"]}):
            if not matches(volume):
                continue
            size = await self._size(volume)
            try:
                await self.remove(volume.name)
            except (Conflict, NotFound):
                continue  # used or removed by somebody else meanwhile
            removed.append(volume.name)
            freed += size
        self._events.publish("volume", "prune", "", {"reclaimed": str(freed)})
        return VolumesPruned(volumes_deleted=removed, space_reclaimed=freed)

    async def _remove(self, volume: Volume, leaving: str) -> None:
        if users := [id for id in self.users(volume.name) if id != leaving]:
            raise Conflict(f"remove {volume.name}: volume is in use - [{', '.join(users)}]")
        if self._held[volume.name]:
            raise Conflict(f"remove {volume.name}: volume is in use - [a container that is being created]")
        driver = self._driver(volume.driver)
        with _during("remove", volume.name):
            # First out of sight, then out of the records: a death in between is seen by the next engine.
            withdrawn = driver.withdraw(volume.name)
            self._erase(volume.name)
            self._events.publish("volume", "destroy", volume.name, {"driver": volume.driver})
            await _in_thread(lambda stopped: driver.remove(withdrawn))

    def _finish_earlier_work(self) -> None:
        """Ends what an earlier engine began. The trees are deleted aside: nobody waits for them."""
        for volume in self._by_name.values():
            self._drivers[volume.driver].recover(volume.name)
        for driver in self._drivers.values():
            withdrawn = driver.withdrawn()
            for name in withdrawn.values():
                if name in self._by_name and not driver.mountpoint(name).exists():
                    self._erase(name)
            if withdrawn:
                threading.Thread(
                    target=_remove_quietly, args=(driver, list(withdrawn)), name="remove volumes", daemon=True
                ).start()

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

    def is_empty(self, volume: Volume) -> bool:
        """Whether copy_up() would fill it: worth asking before a container's root is mounted for that."""
        return self._driver(volume.driver).is_empty(volume.name)

    async def copy_up(self, volume: Volume, container_root: Path, target: str) -> None:
        """Fills an empty volume with what the image has at `target`, a path inside `container_root`.

        Content, owners, modes, extended attributes, hard links, holes and times are the image's; links in `target`
        lead nowhere outside. All or nothing, also if the engine dies. Does nothing when the volume is not empty or
        the image has nothing there.
        """
        driver = self._driver(volume.driver)
        with self.held(volume.name), _during("copy up to", volume.name):
            source = _open_target(container_root, target)
            if source is None:
                return
            try:
                async with self._locked(volume.name):
                    driver.ensure(volume.name)
                    if driver.is_empty(volume.name):
                        await _in_thread(lambda stopped: driver.fill(volume.name, source, stopped))
            finally:
                os.close(source)

    async def attach(self, mount: MountPoint, user: str) -> str:
        """Makes sure that the volume of `mount` can be used by the container `user`; the path where it is.

        Undone by detach(). Raises NotFound, EngineError.
        """
        volume = self.get(mount.name)
        async with self._locked(volume.name):
            with _during("mount", volume.name):
                self._driver(volume.driver).ensure(volume.name)
        attributes = {
            "container": user,
            "destination": mount.destination,
            "driver": volume.driver,
            "propagation": mount.propagation,
            "read/write": "true" if mount.rw else "false",
        }
        self._events.publish("volume", "mount", volume.name, attributes)
        return volume.mountpoint

    async def detach(self, mount: MountPoint, user: str) -> None:
        """The container `user` does not use the volume any more."""
        self._events.publish("volume", "unmount", mount.name, {"container": user, "driver": mount.driver})

    # ── records ──

    def _driver(self, name: str) -> VolumeDriver:
        try:
            return self._drivers[name]
        except KeyError:
            raise NotFound(f'error looking up volume plugin {name}: plugin "{name}" not found') from None

    def _record(self, volume: Volume) -> None:
        with self._db.write(durable=True) as db:
            db.execute("INSERT INTO volumes (name, record) VALUES (?, ?)", (volume.name, record.encode(volume)))
        self._by_name[volume.name] = volume

    def _erase(self, name: str) -> None:
        with self._db.write(durable=True) as db:
            db.execute("DELETE FROM volumes WHERE name = ?", (name,))
        self._by_name.pop(name, None)

    async def _size(self, volume: Volume) -> int:
        driver = self._driver(volume.driver)
        return await _in_thread(lambda stopped: driver.usage(volume.name))

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[None]:
        """One change of a volume at a time. Locks exist only while somebody wants them."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._lock_users[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._lock_users[name] -= 1
            if not self._lock_users[name]:
                del self._lock_users[name], self._locks[name]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _open_target(root: Path, target: str) -> int | None:
    """The directory at `target` as a container with this root sees it, open; None when there is nothing."""
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return open_in_root(top, target, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    finally:
        os.close(top)


@contextmanager
def _during(what: str, name: str) -> Iterator[None]:
    """Errors say which volume they are about, as dockerd's do."""
    try:
        yield
    except (InvalidArgument, NotFound, NotImplementedByUs) as error:
        raise type(error)(f"{what} {name}: {error}") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise EngineError(f"{what} {name}: {where}{error.strerror}") from error


async def _in_thread(work: Callable[[Stopped], Result]) -> Result:
    """Runs `work` aside. Who is cancelled waits until it has really ended: nothing goes on behind his back."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, stop.is_set))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:
                continue
        if not running.cancelled():
            running.exception()  # seen: it is the cancellation that counts
        raise


def _remove_quietly(driver: VolumeDriver, withdrawn: Sequence[str]) -> None:
    for ticket in withdrawn:
        try:
            driver.remove(ticket)
        except OSError as error:
            log.warning("a removed volume's files stay", extra={"ticket": ticket, "reason": str(error)})
