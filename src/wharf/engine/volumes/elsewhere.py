"""Volumes that plugins have without our having made them. Each plugin is asked for no longer than a list may take."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from wharf.engine.volumes.drivers import Drivers
from wharf.engine.volumes.record import Volume, now
from wharf.plugins.registry import in_time


@dataclass(frozen=True, slots=True)
class Elsewhere:
    drivers: Drivers

    async def find(self, name: str) -> Volume | None:
        """The volume of this name, of the first plugin that has it."""
        drivers, _ = await self.drivers.plugin_drivers()
        within = self.drivers.plugins.settings.listing
        described = await asyncio.gather(*(in_time(driver.describe(name), within) for driver in drivers))
        for driver, found in zip(drivers, described, strict=True):
            if found is not None:
                return Volume(name, driver.name, found.mountpoint, found.created_at or now())
        return None

    async def all(self) -> tuple[Sequence[Volume], Sequence[str]]:
        """All volumes of all plugins, and warnings about plugins that do not answer."""
        drivers, silent = await self.drivers.plugin_drivers()
        within = self.drivers.plugins.settings.listing
        named = await asyncio.gather(*(in_time(driver.names(), within) for driver in drivers))
        found: list[Volume] = []
        for driver, names in zip(drivers, named, strict=True):
            silent = [*silent, *([driver.name] if names is None else ())]
            found += [Volume(name, driver.name, "", "") for name in names or ()]
        return found, [f"volume plugin {name} does not answer: its volumes may be missing" for name in silent]
