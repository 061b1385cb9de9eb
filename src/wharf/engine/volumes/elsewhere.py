"""Volumes that plugins have without our having made them. Each plugin is asked for no longer than a list may take."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from wharf.engine.volumes.drivers import Drivers
from wharf.engine.volumes.record import Volume
from wharf.errors import EngineError

Answer = TypeVar("Answer")


def now() -> str:
    """The time as records have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    drivers: Drivers

    async def find(self, name: str) -> Volume | None:
        """The volume of this name, of the first plugin that has it."""
        drivers, _ = await self.drivers.plugin_drivers()
        described = await asyncio.gather(*(self._in_time(driver.describe(name)) for driver in drivers))
        for driver, found in zip(drivers, described, strict=True):
            if found is not None:
                return Volume(name, driver.name, found.mountpoint, found.created_at or now())
        return None

    async def all(self) -> tuple[Sequence[Volume], Sequence[str]]:
        """All volumes of all plugins, and warnings about plugins that do not answer."""
        drivers, silent = await self.drivers.plugin_drivers()
        named = await asyncio.gather(*(self._in_time(driver.names()) for driver in drivers))
        found: list[Volume] = []
        for driver, names in zip(drivers, named, strict=True):
            silent = [*silent, *([driver.name] if names is None else ())]
            found += [Volume(name, driver.name, "", "") for name in names or ()]
        return found, [f"volume plugin {name} does not answer: its volumes may be missing" for name in silent]

    async def _in_time(self, answer: Awaitable[Answer]) -> Answer | None:
        """None for an error, and for an answer that takes too long."""
        try:
            async with asyncio.timeout(self.drivers.plugins.settings.listing.total_seconds()):
                return await answer
        except (EngineError, TimeoutError):
            return None
