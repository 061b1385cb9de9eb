"""One run of a plugin: from its record to a process that listens, and to its end. A failure undoes all."""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import Signals
from typing import Final

from wharf.apitypes.containers import DeviceMapping, HostConfig
from wharf.engine.containers import devices
from wharf.engine.containers.surroundings import Host
from wharf.engine.plugins import bundling
from wharf.engine.plugins.offering import connected
from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.engine.plugins.saying import relay
from wharf.errors import EngineError
from wharf.linux import cgroups, shared_mounts
from wharf.linux.mounts import RootMount, restrictions
from wharf.runtime import records
from wharf.runtime.config_json import config_json
from wharf.runtime.contract import AttachStream, ExitStatus, Launch, Log, Monitor, Monitors
from wharf.volumes.threads import Aside

log = logging.getLogger(__name__)

#: Seconds that a plugin may take from its start until it listens.
LISTEN_LIMIT: Final = 10.0
_FIRST_LOOK: Final = 0.02  # seconds; doubled with each look in vain
_LONGEST_LOOK: Final = 0.5
#: Seconds between SIGTERM and SIGKILL, and that the latter may take to show.
STOP_LIMIT: Final = 10.0


@dataclass(slots=True)
class Run:
    """A plugin's process, and who reads what it prints. Letting go of it leaves the process alone."""

    monitor: Monitor
    output: "asyncio.Task[None]"

    @classmethod
    def of(cls, monitor: Monitor, output: AttachStream) -> "Run":
        name = f"output of plugin {monitor.id[:12]}"
        return cls(monitor, asyncio.create_task(relay(output, monitor.id), name=name, context=Context()))

    def let_go(self) -> None:
        self.output.cancel()
        self.monitor.close()


@dataclass(slots=True)
class PluginStarter:
    """The caller sees to it that one plugin is not started twice."""

    places: PluginPlaces
    monitors: Monitors
    host: Host
    runtime: str  # program
    aside: Aside
    mounted: Callable[[], Iterable[str]]  # where volumes are mounted on the host, which a plugin must not keep busy

    async def start(self, plugin: PluginRecord) -> Run:
        """Returns when the plugin listens. Raises EngineError, with dockerd's words; then nothing of the run is left.

        What is mounted at its PropagatedMount stays: it may be in use, and the next run finds it there.
        """
        bundle = self.places.bundle(plugin.id)
        async with AsyncExitStack() as made:
            await self.release(plugin.id)  # what a start left that the daemon did not survive
            made.push_async_callback(self.release, plugin.id)
            await asyncio.to_thread(self._make_places, plugin)
            monitor = await self.monitors.create(await self._launch(plugin, bundle))
            made.callback(monitor.close)
            run = Run.of(monitor, await monitor.attach(stdin=False, stdout=True, stderr=True))
            made.callback(run.output.cancel)
            await monitor.run()
            made.push_async_callback(self.kill, run)
            await self._listens(plugin, run)
            made.pop_all()
        return run

    def _make_places(self, plugin: PluginRecord) -> None:
        """Raises EngineError."""
        try:
            self._make_directories(plugin)
            if plugin.config.propagated_mount:
                shared_mounts.share(str(self.places.propagated_mount(plugin.id)))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise EngineError(
                f"cannot make the directories of plugin {plugin.name}: {error.filename}: {reason}"
            ) from error

    def _make_directories(self, plugin: PluginRecord) -> None:
        bundle, sockets = self.places.bundle(plugin.id), self.places.sockets(plugin.id)
        bundle.mkdir(parents=True, mode=0o700)
        sockets.mkdir(mode=0o700)
        user = plugin.config.user
        os.chown(sockets, user.uid, user.gid)
        if plugin.config.propagated_mount:
            # It is not asked what it is: its plugin may be in the middle of it, and not answer.
            with suppress(FileExistsError):
                self.places.propagated_mount(plugin.id).mkdir(mode=0o755)

    async def _launch(self, plugin: PluginRecord, bundle: Path) -> Launch:
        mappings = [DeviceMapping(path_on_host=one.path) for one in plugin.settings.devices if one.path]
        sources = [mount.source for mount in plugin.settings.mounts if mount.source]
        around = bundling.Around(
            facts=self.host.facts,
            every=self.host.every,
            hostname=os.uname().nodename,
            cgroups_path=self.host.cgroups_path(plugin.id, HostConfig()),
            unified_cgroups=self.host.unified,
            devices=await devices.found(mappings),
            restrictions={source: await self._restrictions(source) for source in sources},
        )
        spec, warnings = bundling.spec(plugin, self.places, around)
        for warning in warnings:
            log.warning(warning, extra={"plugin": plugin.id})
        root = RootMount("bind", str(self.places.rootfs(plugin.id)), "", self.places.directory(plugin.id))
        (bundle / records.CONFIG).write_bytes(config_json(spec))
        return Launch(
            id=plugin.id,
            bundle=bundle,
            root=root,
            runtime=self.runtime,
            log=Log(),
            new_network=False,
            cgroups_path=spec.cgroups_path,
            forget=tuple(self.mounted()),
        )

    async def _restrictions(self, source: str) -> tuple[str, ...]:
        """What is not there is the runtime's to tell."""
        try:
            return await self.aside.at(source)(partial(restrictions, source))
        except OSError:
            return ()

    async def _listens(self, plugin: PluginRecord, run: Run) -> None:
        """Waits for its socket. Raises EngineError when it ends before that, or takes too long."""
        ended = asyncio.ensure_future(run.monitor.wait())
        until = asyncio.get_running_loop().time() + LISTEN_LIMIT
        pause = _FIRST_LOOK
        socket = plugin.config.interface.socket
        try:
            while reason := await self._unreachable(plugin):
                path = self.places.sockets(plugin.id) / socket
                if ended.done():
                    code = ended.result().code
                    raise EngineError(f"dial unix {path}: connect: {reason}: the plugin has exited with code {code}")
                if asyncio.get_running_loop().time() > until:
                    raise EngineError(f"dial unix {path}: connect: {reason}")
                await asyncio.wait({ended}, timeout=pause)
                pause = min(2 * pause, _LONGEST_LOOK)
        finally:
            ended.cancel()

    async def _unreachable(self, plugin: PluginRecord) -> str:
        """Why nobody can speak to the plugin yet, or ""."""
        try:
            _, writer = await connected(self.places.sockets(plugin.id), plugin.config.interface.socket)
        except OSError as error:
            return (error.strerror or str(error)).lower()
        writer.close()
        return ""

    async def find(self, id: str) -> Run | None:
        """The run that an earlier daemon began and that goes on. After None nothing of it runs."""
        found = await self.monitors.reopen(id, self.places.bundle(id))
        if found is None or isinstance(found, ExitStatus):
            return None
        await found.found()
        try:
            return Run.of(found, await found.attach(stdin=False, stdout=True, stderr=True))
        except EngineError:
            found.close()  # it has just ended
            return None

    async def end(self, run: Run) -> None:
        """Ends the process. Raises EngineError when it does not end."""
        await run.monitor.signal(Signals.SIGTERM)
        try:
            await asyncio.wait_for(run.monitor.wait(), STOP_LIMIT)
        except TimeoutError:
            await self.kill(run)
        run.let_go()

    async def kill(self, run: Run) -> None:
        """Ends the process at once. Raises EngineError when it does not end."""
        await run.monitor.signal(Signals.SIGKILL)
        try:
            await asyncio.to_thread(cgroups.kill, run.monitor.cgroup, timeout=STOP_LIMIT)
            await asyncio.wait_for(run.monitor.wait(), STOP_LIMIT)
        except TimeoutError:
            raise EngineError("the plugin does not end") from None

    async def release(self, id: str) -> None:
        """Removes what a run that has ended had, on disk and in the kernel."""
        await self.monitors.remove(self.places.bundle(id))
        await asyncio.to_thread(shutil.rmtree, self.places.sockets(id), ignore_errors=True)

    async def clear_away(self, id: str) -> None:
        """Removes all that a plugin had which does not run any more and is not to run. Raises OSError."""
        await self.release(id)
        await self.withdraw(id)

    async def withdraw(self, id: str) -> None:
        """Unmounts what a plugin that does not run any more has mounted for the host. Raises OSError."""
        await asyncio.to_thread(shared_mounts.withdraw, str(self.places.propagated_mount(id)))
