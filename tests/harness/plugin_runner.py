"""Managed plugins without processes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from wharf.engine.plugins.record import PluginRecord
from wharf.errors import EngineError


@dataclass
class Runner:
    """Runs plugins by name only, and fails to order."""

    running: set[str] = field(default_factory=set)
    used: bool = False
    fault: str = ""
    restored: list[str] = field(default_factory=list)

    async def enable(self, plugin: PluginRecord, *, timeout: timedelta | None = None) -> None:
        if self.fault:
            raise EngineError(self.fault)
        self.running.add(plugin.name)

    async def disable(self, plugin: PluginRecord) -> None:
        if self.fault:
            raise EngineError(self.fault)
        self.running.discard(plugin.name)

    def in_use(self, plugin: PluginRecord) -> bool:
        return self.used

    async def restore(self, plugins: Iterable[PluginRecord]) -> None:
        self.restored = [plugin.name for plugin in plugins]

    async def close(self) -> None:
        """Nothing runs really."""
