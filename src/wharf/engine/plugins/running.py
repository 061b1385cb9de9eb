"""Managed plugins while they are enabled: started, watched, started again when they end.

A plugin is watched by a shim, as a container is, and goes on without the daemon. While one starts, or starts again, who
asks it something waits a while for its socket: nobody else does.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from wharf.apitypes.containers import RestartPolicy
from wharf.engine.containers import restart
from wharf.engine.ending import Ending
from wharf.engine.plugins import naming
from wharf.engine.plugins.faults import NoSuchPlugin
from wharf.engine.plugins.offering import offered
from wharf.engine.plugins.record import PluginRecord
from wharf.engine.plugins.starting import PluginStarter, Run
from wharf.engine.plugins.store import PluginStore
from wharf.errors import Conflict, EngineError, InvalidArgument
from wharf.plugins.registry import Plugin

log = logging.getLogger(__name__)

_ALWAYS: Final = RestartPolicy(name="always")


@dataclass(slots=True)
class Enabled:
    """A plugin that is to run."""

    record: PluginRecord
    offer: Plugin
    run: Run | None = None  # None between two runs
    keeper: "asyncio.Task[None] | None" = None  # sees that there is a run


@dataclass(slots=True)
class RunningPlugins:
    """Fulfils PluginRunner, and Managed of plugins.registry."""

    starter: PluginStarter
    store: PluginStore
    is_driver: Callable[[str], bool]  # whether something of the engine depends on the plugin of this name
    ending: Ending
    _enabled: dict[str, Enabled] = field(default_factory=dict)

    # ── as the engine's drivers see them ──

    def find(self, name: str) -> Plugin | None:
        try:
            plugin = naming.find(self.store, name)
        except (NoSuchPlugin, InvalidArgument):
            return None
        enabled = self._enabled.get(plugin.id)
        if enabled is None:
            raise Conflict(f"plugin {name} found but disabled")
        return enabled.offer

    def running(self) -> Sequence[Plugin]:
        return sorted((one.offer for one in self._enabled.values()), key=lambda plugin: plugin.name)

    def in_use(self, plugin: PluginRecord) -> bool:
        return self.is_driver(plugin.name)

    # ── enable, disable ──

    async def enable(self, plugin: PluginRecord, *, timeout: timedelta | None = None) -> None:
        try:
            run = await self.starter.start(plugin)
        except BaseException:
            await self.starter.withdraw(plugin.id)  # nobody can use it yet
            raise
        self._keep(plugin, run, timeout)

    def _keep(self, plugin: PluginRecord, run: Run | None, timeout: timedelta | None = None) -> None:
        enabled = Enabled(plugin, offered(plugin, self.starter.places, timeout), run)
        self._enabled[plugin.id] = enabled
        self._watch(enabled)

    def _watch(self, enabled: Enabled) -> None:
        name = f"keep plugin {enabled.record.name}"
        # Not in that of the request that began it: what happens later is not its doing.
        work = self._kept_running(enabled, after=enabled.keeper)
        enabled.keeper = asyncio.create_task(work, name=name, context=Context())

    async def disable(self, plugin: PluginRecord) -> None:
        enabled = self._enabled.get(plugin.id)
        if enabled is not None:
            await self._end(enabled)
            del self._enabled[plugin.id]
        await self.starter.clear_away(plugin.id)

    async def _end(self, enabled: Enabled) -> None:
        try:
            await _stop(enabled.keeper)
            if enabled.run is not None:
                await self.starter.end(enabled.run)
        except BaseException:
            self._watch(enabled)  # it goes on
            raise
        enabled.run = None

    async def _kept_running(self, enabled: Enabled, after: "asyncio.Task[None] | None") -> None:
        """Until it is cancelled; `after` one that has been, and may not have ended yet."""
        if after is not None:
            await asyncio.wait({after})
        quick_exits = 0
        while True:
            has_run = enabled.run is not None or await self._start_again(enabled)
            lasted = await self._ended(enabled) if has_run else timedelta(0)
            quick_exits = 0 if lasted >= restart.STABLE_AFTER else quick_exits + 1
            pause = restart.delay(_ALWAYS, 0, restarts=quick_exits, quick_exits=quick_exits)
            await asyncio.sleep(pause.total_seconds() if pause else 0)

    async def _start_again(self, enabled: Enabled) -> bool:
        try:
            enabled.run = await self.starter.start(enabled.record)
        except Exception as error:  # whatever it is: it is tried again
            unexpected = None if isinstance(error, EngineError | OSError) else error
            log.warning("a plugin does not start", exc_info=unexpected, extra=_about(enabled, str(error)))
            return False
        log.info("a plugin runs again", extra={"plugin": enabled.record.id})
        return True

    async def _ended(self, enabled: Enabled) -> timedelta:
        """How long a run has lasted from now on."""
        assert enabled.run is not None
        began = asyncio.get_running_loop().time()
        status = await enabled.run.monitor.wait()
        enabled.run.let_go()
        enabled.run = None
        log.warning("a plugin has ended", extra=_about(enabled, f"exit code {status.code}"))
        return timedelta(seconds=asyncio.get_running_loop().time() - began)

    # ── the daemon's start and end ──

    async def restore(self, plugins: Iterable[PluginRecord]) -> None:
        wanted = {plugin.id: plugin for plugin in plugins}
        places = self.starter.places
        left = _names(places.bundles) | (_names(places.run) - {places.bundles.name})
        known = left | {plugin.id for plugin in self.store}
        found = dict(zip(known, await asyncio.gather(*map(self._found, known)), strict=True))
        await asyncio.gather(*(self._sweep(id, run) for id, run in found.items() if id not in wanted))
        for plugin in wanted.values():
            self._keep(plugin, found[plugin.id])

    async def _found(self, id: str) -> Run | None:
        """What is wrong with one plugin must not keep the engine from all others."""
        try:
            return await self.starter.find(id)
        except Exception:
            log.exception("cannot tell what became of a plugin", extra={"plugin": id})
            return None

    async def _sweep(self, id: str, run: Run | None) -> None:
        """What is not enabled: its enabling, or disabling, was cut off. The daemon's start waits for this."""
        try:
            if run is not None:
                await self.starter.kill(run)
                run.let_go()
            await self.starter.clear_away(id)
        except (EngineError, OSError) as error:
            log.warning("cannot end a plugin that is not enabled", extra={"plugin": id, "reason": str(error)})

    async def close(self) -> None:
        await asyncio.gather(*(self._close(enabled) for enabled in self._enabled.values()))
        self._enabled.clear()

    async def _close(self, enabled: Enabled) -> None:
        if self.ending.live_restore:
            await _stop(enabled.keeper)
            if enabled.run is not None:
                enabled.run.let_go()
            return
        try:
            await self._end(enabled)
            await self.starter.clear_away(enabled.record.id)
        except (EngineError, OSError) as error:
            log.warning("a plugin could not be ended", extra=_about(enabled, str(error)))


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} if directory.is_dir() else set()


async def _stop(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait({task})


def _about(enabled: Enabled, reason: str) -> dict[str, str]:
    return {"plugin": enabled.record.id, "reason": reason}
