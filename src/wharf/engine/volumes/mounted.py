"""Mounting volumes for their users, and giving back what nobody uses any more, whoever died in between."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from wharf.db.database import Database
from wharf.engine.locks import Locks
from wharf.engine.volumes.drivers import Drivers
from wharf.engine.volumes.record import Volume
from wharf.engine.volumes.store import VolumeStore
from wharf.engine.volumes.uses import Uses
from wharf.errors import EngineError
from wharf.plugins.client import PluginSilent

log = logging.getLogger(__name__)


class Mounted:
    """What is mounted for whom. mount() and unmount() want the caller to hold the volume's lock."""

    def __init__(self, db: Database, store: VolumeStore, drivers: Drivers, locks: Locks) -> None:
        self._store = store
        self._drivers = drivers
        self._locks = locks
        self._uses = Uses(db)
        #: What an earlier engine left, and nobody has asked for since.
        self._stale = set(self._uses)
        self._is_open = False
        self._settling: asyncio.Task[None] | None = None

    async def mount(self, volume: Volume, user: str) -> str:
        """The path of the volume for `user`. Raises EngineError, OSError."""
        driver = await self._drivers.get(volume.driver)
        if not driver.needs_mount(volume.options):
            return await driver.mount(volume.name, volume.options, user)
        self._stale.discard((volume.name, user))
        self._uses.begin(volume.name, user)
        try:
            return await driver.mount(volume.name, volume.options, user)
        except PluginSilent:
            raise  # nobody knows whether it is mounted now: the next engine asks again
        except (EngineError, OSError):
            self._uses.end(volume.name, user)
            raise

    async def unmount(self, volume: Volume, user: str) -> None:
        """Fine for who has nothing mounted. Raises EngineError, OSError."""
        if user in self._uses.of(volume.name):
            driver = await self._drivers.get(volume.driver)
            last = self._uses.of(volume.name) == {user}
            await driver.unmount(volume.name, volume.options, user, last=last)
            self._uses.end(volume.name, user)

    async def give_back(self, name: str, user: str) -> None:
        """Unmounts, with the lock; where that fails it stays on record, and the next engine tries again.

        While the engine opens nobody waits for a plugin: settle() does this for all who have ended by then.
        """
        if self._is_open and user in self._uses.of(name):
            async with self._locks.locked(name):
                await self._give_back(name, user)

    async def _give_back(self, name: str, user: str) -> None:
        volume = self._store.get(name)
        try:
            if volume is not None:
                await self.unmount(volume, user)
            else:
                self._uses.end(name, user)
        except (EngineError, OSError) as error:
            log.warning("a volume could not be unmounted", extra={"volume": name, "reason": str(error)})

    def settle(self, runs: Callable[[str], bool]) -> None:
        """Gives back, in the background, what an earlier engine had mounted for who does not run any more."""
        self._is_open = True
        self._stale = {(name, user) for name, user in self._stale if not runs(user)}
        if self._stale:
            self._settling = asyncio.create_task(self._settle(), name="unmount volumes")

    async def _settle(self) -> None:
        await asyncio.gather(*(self._give_back_stale(name, user) for name, user in set(self._stale)))

    async def _give_back_stale(self, name: str, user: str) -> None:
        async with self._locks.locked(name):
            # A container that has been started again meanwhile goes on using what was mounted for it.
            if (name, user) in self._stale:
                self._stale.discard((name, user))
                await self._give_back(name, user)

    def paths(self) -> Sequence[str]:
        """Where volumes are mounted on the host now, for who must not keep them."""
        found = (self._store.get(name) for name in self._uses.volumes())
        return [volume.mountpoint for volume in found if volume is not None and volume.mountpoint]

    def close(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
