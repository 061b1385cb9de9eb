"""The driver `local`: a volume is a directory of this machine, on which its options may mount something else."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Final

from wharf.errors import EngineError
from wharf.spec.sizes import parse_size
from wharf.volumes import mount_options, mounting, naming
from wharf.volumes.contract import Described, Options
from wharf.volumes.directories import Directories
from wharf.volumes.filling import fill_in_place
from wharf.volumes.mount_options import MountCall
from wharf.volumes.threads import Aside, Stopped, in_thread

#: VolumeDriver.held
Held = Callable[[str], AbstractContextManager[str]]
#: Seconds that a list of what all volumes take waits for one that another machine has.
_PATIENCE: Final = 2.0


class LocalDriver:
    """Fulfils VolumeDriver."""

    name = "local"
    scope = "local"

    def __init__(self, root: Path, aside: Aside) -> None:
        self._directories = Directories(root)
        self._aside = aside
        self._counting = asyncio.Lock()  # long walks, one at a time: the threads are others', too

    async def create(self, name: str, options: Options) -> None:
        naming.check_name(name)
        naming.check_options(options)
        self._ensure(name, options)

    def _ensure(self, name: str, options: Options) -> None:
        if options.get("size") and not self._directories.has(name):
            self._directories.limit(name, parse_size(options["size"]))
        self._directories.ensure(name)

    def mountpoint(self, name: str) -> str:
        """Where the volume is. Touches no disk."""
        return os.fspath(self._directories.mountpoint(name))

    async def describe(self, name: str) -> Described:
        return Described(self.mountpoint(name))

    async def names(self) -> Sequence[str]:
        return ()

    def needs_mount(self, options: Options) -> bool:
        return mount_options.parse(options) is not None

    async def mount(self, name: str, options: Options, user: str) -> str:
        call = mount_options.parse(options)
        if call is None:
            self._ensure(name, options)
        else:
            await self._mount(name, options, await _with_server(call))
        return self.mountpoint(name)

    async def _mount(self, name: str, options: Options, call: MountCall) -> None:
        def mount() -> None:
            self._ensure(name, options)
            mounting.mount(call, self._directories.mountpoint(name))

        await self._aside.at(name)(mount)

    async def unmount(self, name: str, options: Options, user: str, *, last: bool) -> None:
        if last and self.needs_mount(options):
            await self._aside.at(name)(partial(mounting.unmount, self._directories.mountpoint(name)))

    def may_be_empty(self, name: str, options: Options) -> bool:
        # What would be mounted there nobody can ask now.
        return self.needs_mount(options) or self._directories.is_empty(name)

    def held(self, path: str) -> AbstractContextManager[str]:
        return nullcontext(path)  # nobody but us makes anything above a volume

    async def fill(self, name: str, path: str, source: int) -> None:
        place = Path(path)
        if await self._aside.at(name)(partial(mounting.is_mounted, place)):
            await in_thread(lambda stopped: fill_in_place(place, source, stopped), self._aside.at(name))
        else:
            await in_thread(lambda stopped: self._directories.fill(name, source, stopped))

    async def withdraw(self, name: str) -> str:
        def withdraw() -> str:
            # Whatever is still mounted there is no content of ours to delete.
            mounting.unmount(self._directories.mountpoint(name))
            return self._directories.withdraw(name)

        return await self._aside.at(name)(withdraw)

    async def remove(self, withdrawn: str) -> None:
        await in_thread(lambda stopped: self._directories.graves.remove(withdrawn))

    async def begin(self, name: str) -> tuple[str, Path]:
        """A place for a volume that is to come: a ticket, for finish() or remove(), and its empty directory."""
        naming.check_name(name)
        return self._directories.begin(name)

    async def finish(self, ticket: str, name: str) -> None:
        """Makes it the volume of that name, which is free."""
        self._directories.finish(ticket, name)

    async def settle(self, ticket: str) -> None:
        """What was written there survives a power cut afterwards. Long."""
        await in_thread(lambda stopped: self._directories.settle(ticket))

    async def copy(self, path: str, held: Held, target: Path) -> None:
        """Copies a volume of any driver, mounted at `path`, to the empty directory `target` that nobody else can see.

        Long, and for ever where the volume is another machine's that does not answer. Raises EngineError, OSError.
        """

        def work(stopped: Stopped) -> None:
            with held(path) as place:
                source = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fill_in_place(target, source, stopped)
            finally:
                os.close(source)

        # Not in turn with what is asked of the same place by those who start containers.
        await in_thread(work, self._aside.at(f"copy of {path}"))

    def check_name(self, name: str) -> None:
        """Raises InvalidArgument."""
        naming.check_name(name)

    async def rename(self, name: str, new: str) -> None:
        """Gives a volume that nobody uses another name, which is free; fine when that was done already."""
        await asyncio.to_thread(self._directories.rename, name, new)

    def finish_rename(self, name: str, new: str) -> None:
        """Ends a rename() that an earlier process began."""
        self._directories.rename(name, new)

    async def usage(self, name: str, options: Options) -> int:
        if not self.needs_mount(options):
            async with self._counting:
                return await in_thread(partial(self._directories.usage, name))
        stop = threading.Event()
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._aside.at(name)(partial(self._directories.usage, name, stop.is_set))
        except TimeoutError:
            return -1
        finally:
            stop.set()

    def recover(self, names: Iterable[str]) -> Sequence[str]:
        """Ends what an earlier process left half done; the names of those that it had withdrawn, and not yet forgotten.

        The trees are deleted aside: nobody waits for them.
        """
        for name in names:
            self._directories.recover(name)
        withdrawn = self._directories.graves.found()
        if withdrawn:
            remove = partial(self._remove_quietly, list(withdrawn))
            threading.Thread(target=remove, name="remove volumes", daemon=True).start()
        return [name for name in withdrawn.values() if not self._directories.mountpoint(name).exists()]

    def _remove_quietly(self, withdrawn: Sequence[str]) -> None:
        for ticket in withdrawn:
            with suppress(OSError):  # the next start tries again
                self._directories.graves.remove(ticket)


async def _with_server(call: MountCall) -> MountCall:
    """The kernel wants numbers. Raises EngineError for a name that nobody knows."""
    if not call.server:
        return call
    try:
        found = await asyncio.get_running_loop().getaddrinfo(call.server, None, type=socket.SOCK_STREAM)
    except OSError as error:
        kind = "NFS" if call.fstype.startswith("nfs") else "CIFS"
        raise EngineError(f"error resolving passed in network volume address ({kind}): {error.strerror}") from None
    return call.with_server(str(found[0][4][0]))
