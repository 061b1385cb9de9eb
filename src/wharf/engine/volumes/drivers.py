"""The drivers that there are: local, and every plugin that implements one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wharf.errors import Conflict, NotFound
from wharf.plugins.registry import Plugin, Plugins, in_time
from wharf.volumes.contract import VolumeDriver
from wharf.volumes.local import LocalDriver
from wharf.volumes.plugin import KIND, PluginDriver
from wharf.volumes.threads import Aside

DEFAULT: Final = LocalDriver.name


@dataclass(slots=True)
class Drivers:
    local: LocalDriver
    plugins: Plugins
    aside: Aside  # for all that is mounted on this machine, by whomever
    _opened: dict[str, PluginDriver] = field(default_factory=dict)

    async def get(self, name: str) -> VolumeDriver:
        """Raises NotFound, and EngineError for a plugin that does not answer."""
        if name == DEFAULT:
            return self.local
        try:
            plugin = await self.plugins.get(name)
        except Conflict as error:
            raise Conflict(f"error looking up volume plugin {name}: {error}") from None
        missing = f'error looking up volume plugin {name}: plugin "{name}" '
        if plugin is None:
            raise NotFound(f"{missing}not found")
        if KIND not in plugin.implements:
            raise NotFound(f"{missing}does not implement the requested interface")
        known = self._opened.get(name)
        if known is None or not known.is_of(plugin):
            known = self._opened[name] = await PluginDriver.opened(self.plugins, plugin, self.aside)
        return known

    def known_scope(self, name: str) -> str:
        """Of a driver, without asking a plugin that has not been asked before."""
        known = self._opened.get(name)
        return known.scope if known is not None else "local"

    async def plugin_drivers(self) -> tuple[Sequence[VolumeDriver], Sequence[str]]:
        """All plugins that answer now, and the names of those that do not. Takes no longer than a list may."""
        within = self.plugins.settings.listing
        return await self._answering(await self.plugins.implementing(KIND, within))

    async def _answering(
        self, named: tuple[Sequence[Plugin], Sequence[str]]
    ) -> tuple[Sequence[VolumeDriver], Sequence[str]]:
        plugins, silent = named
        within = self.plugins.settings.listing
        found = await asyncio.gather(*(in_time(self.get(plugin.name), within) for plugin in plugins))
        missing = [plugin.name for plugin, driver in zip(plugins, found, strict=True) if driver is None]
        return [driver for driver in found if driver is not None], [*silent, *missing]

    async def names(self) -> Sequence[str]:
        """As docker info shows them: those of managed plugins are not among them."""
        plugins, _ = await self._answering(await self.plugins.unmanaged(KIND, self.plugins.settings.listing))
        return [DEFAULT, *(driver.name for driver in plugins)]


def open_drivers(root: Path, plugins: Plugins) -> Drivers:
    """The drivers of an engine whose local volumes are below `root`."""
    aside = Aside()
    return Drivers(LocalDriver(root, aside), plugins, aside)
