"""Whole volumes on their way: exported and imported as archives, and cloned. Beyond Docker.

A volume that comes in is written where nobody sees it, on the disk before it is on record, and on record before it has
its name: it is there complete or not at all.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from wharf.engine.archive import Archive, told_apart
from wharf.engine.volumes.drivers import DEFAULT
from wharf.engine.volumes.faults import during
from wharf.engine.volumes.record import Volume, now
from wharf.engine.volumes.service import Volumes
from wharf.linux import detached
from wharf.snapshots import views
from wharf.snapshots.views import View
from wharf.volumes.contract import VolumeDriver
from wharf.volumes.local import Held
from wharf.volumes.threads import opened_aside


@dataclass(slots=True)
class Transfers:
    volumes: Volumes

    async def export(self, name: str) -> Archive:
        """All that is in a volume, as a tar archive; what is written meanwhile is in it or not. Raises NotFound."""
        async with AsyncExitStack() as held:
            path = await held.enter_async_context(self.volumes.lent(name, "export"))
            driver = await self._driver(name)
            with during("export", name):
                view = await self._view(path, driver.held, held)
                outgoing = await views.packed(view, "/", name=".")
            return Archive(outgoing, held.pop_all())

    async def receive(self, name: str, archive: AsyncIterator[bytes]) -> Volume:
        """A new local volume with what is in a tar archive (plain, or with gzip, bzip2 or xz).

        Raises InvalidArgument, Conflict.
        """

        async def unpack(place: Path) -> None:
            compression, stream = await told_apart(archive)
            async with AsyncExitStack() as held:
                view = await self._view(str(place), nullcontext, held)
                await views.unpacked(view, "/", stream, whole=True, compression=compression)

        return await self._make("import", name, unpack)

    async def clone(self, name: str, new: str) -> Volume:
        """A new local volume with what is in another one. Takes no room where the file system can share blocks.

        Raises NotFound, InvalidArgument, Conflict.
        """
        async with self.volumes.lent(name, "clone") as path:
            driver = await self._driver(name)

            async def copy(place: Path) -> None:
                await self.volumes.drivers.local.copy(path, driver.held, place)

            return await self._make("clone to", new, copy)

    async def _make(self, what: str, name: str, write: Callable[[Path], Awaitable[None]]) -> Volume:
        local = self.volumes.drivers.local
        with during(what, name):
            ticket, place = await local.begin(name)
            try:
                await write(place)
                await local.settle(ticket)
                volume = Volume(name, DEFAULT, local.mountpoint(name), now())
                async with self.volumes.adding(volume):
                    await local.finish(ticket, name)
            finally:
                await local.remove(ticket)  # nothing, after finish()
        return volume

    async def _driver(self, name: str) -> VolumeDriver:
        return await self.volumes.drivers.get(self.volumes.get(name).driver)

    async def _view(self, path: str, hold: Held, held: AsyncExitStack) -> View:
        """What is at a path, while `held` holds it: nobody can put another thing in its place."""

        def opened() -> int:
            with hold(path) as place:
                return detached.clone(place)

        # Not in turn with what is asked of the same place by those who start containers.
        return View(tree=await opened_aside(opened, held, self.volumes.drivers.aside.at(f"view of {path}")))
