"""An engine that keeps plugins and cannot run them."""

from collections.abc import Iterable
from datetime import timedelta

from wharf.engine.plugins.record import PluginRecord
from wharf.errors import NotImplementedByUs


class NotRunning:
    async def enable(self, plugin: PluginRecord, *, timeout: timedelta | None = None) -> None:
        raise NotImplementedByUs("plugins cannot be enabled yet")

    async def disable(self, plugin: PluginRecord) -> None:
        """Nothing runs."""

    def in_use(self, plugin: PluginRecord) -> bool:
        return False

    async def restore(self, plugins: Iterable[PluginRecord]) -> None:
        """Nothing runs."""

    async def close(self) -> None:
        """Nothing runs."""
