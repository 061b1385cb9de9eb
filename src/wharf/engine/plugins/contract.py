"""What the store of plugins asks of who runs them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

from wharf.engine.plugins.record import PluginRecord


class PluginRunner(Protocol):
    """Runs plugins as containers of the OCI runtime, and offers those that run to the engine's drivers.

    Who calls holds the plugin's lock, has checked its state, and records the outcome. The record that is given is
    the one that counts: a runner keeps none of its own beyond what runs.
    """

    async def enable(self, plugin: PluginRecord, *, timeout: timedelta | None = None) -> None:
        """Starts the plugin, and returns when it listens. `timeout` is how long each of its answers may take.

        Raises EngineError with dockerd's words; then nothing of it runs.
        """

    async def disable(self, plugin: PluginRecord) -> None:
        """Ends the plugin; who used it hears so. Fine when it does not run.

        Raises EngineError when it cannot be ended; then it is as before.
        """

    def in_use(self, plugin: PluginRecord) -> bool:
        """Whether something of the engine, such as a volume, depends on the plugin."""

    async def restore(self, plugins: Iterable[PluginRecord]) -> None:
        """At the daemon's start: adopts those of the enabled that still run, starts the others, ends what else runs.

        A plugin that does not start is told in the log: it stays enabled, and the daemon starts.
        """

    async def close(self) -> None:
        """At the daemon's end: lets go of the plugins, or ends them, as the engine's live_restore says."""
