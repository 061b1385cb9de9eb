"""The plugins of this machine: found when asked for, and greeted once. Managed ones come from who runs them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from wharf.errors import Conflict, EngineError
from wharf.plugins.client import PluginClient, PluginSilent
from wharf.plugins.discovery import Address, Roots

Answer = TypeVar("Answer")


async def in_time(answer: Awaitable[Answer], within: timedelta) -> Answer | None:
    """None for an error, and for an answer that takes too long."""
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await answer
    except (EngineError, TimeoutError):
        return None


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are dockerd's: work that may reach other machines gets `long`, a plugin that starts late `patience`."""

    roots: Roots = field(default_factory=Roots)
    long: timedelta = timedelta(minutes=2)
    short: timedelta = timedelta(minutes=1)
    patience: timedelta = timedelta(seconds=15)
    listing: timedelta = timedelta(seconds=2)  # for each question of a list, which all plugins get at once


def _as_told(path: str) -> str:
    return path


@dataclass(frozen=True, slots=True, eq=False)
class Plugin:
    """A plugin that has answered the handshake, or a managed one, which need not."""

    name: str
    client: PluginClient
    implements: frozenset[str]  # "VolumeDriver", "NetworkDriver", "LogDriver" …
    #: Where the host has a path that the plugin names.
    on_host: Callable[[str], str] = _as_told
    #: Another name for such a path of the host, which is that of the same file whatever the plugin does meanwhile. Its
    #: file system may take long to answer. Raises EngineError for a path that the host cannot use.
    held: Callable[[str], AbstractContextManager[str]] = nullcontext


class Managed(Protocol):
    """The managed plugins, as who runs them offers them. One that starts, or starts again, counts as running."""

    def find(self, name: str) -> Plugin | None:
        """By name (`latest` may be left out) or id; None for one that is not known. Raises Conflict if disabled.

        It is the same object as long as the plugin is enabled.
        """

    def running(self) -> Sequence[Plugin]:
        """Those that are enabled, by name."""


@dataclass(slots=True)
class Plugins:
    settings: Settings = field(default_factory=Settings)
    managed: Managed | None = None  # set by who runs them
    _known: dict[str, Plugin] = field(default_factory=dict)
    _greeting: dict[str, "asyncio.Task[Plugin]"] = field(default_factory=dict)

    async def get(self, name: str, *, patience: timedelta | None = None) -> Plugin | None:
        """The plugin of this name, after the handshake; None when there is none. Raises EngineError.

        Several who ask at once wait for the same handshake, and who is cancelled does not end it for the others.
        """
        if self.managed is not None and (managed := self.managed.find(name)) is not None:
            return managed
        name = name.removesuffix(":latest")  # docker's clients may say so of any plugin
        address = self.settings.roots.find(name)
        known = self._known.get(name)
        if address is None:
            # One that was greeted and stopped since: who uses it hears so from the question that fails.
            return known
        if known is not None and known.client.address == address:
            return known
        if name not in self._greeting:
            wait = self.settings.patience if patience is None else patience
            task = asyncio.create_task(self._greet(address, wait), name=f"greet plugin {name}")
            task.add_done_callback(lambda done: self._greeted(name, done))
            self._greeting[name] = task
        return await asyncio.shield(self._greeting[name])

    def _greeted(self, name: str, task: "asyncio.Task[Plugin]") -> None:
        self._greeting.pop(name, None)
        if not task.cancelled() and task.exception() is None:
            self._known[name] = task.result()

    async def _greet(self, address: Address, patience: timedelta) -> Plugin:
        client = PluginClient(address)
        answer = await client.call("Plugin.Activate", within=self.settings.short, patience=patience)
        implements = answer.get("Implements")
        names = implements if isinstance(implements, list) else []
        return Plugin(address.name, client, frozenset(name for name in names if isinstance(name, str)))

    async def implementing(self, kind: str, within: timedelta) -> tuple[Sequence[Plugin], Sequence[str]]:
        """All plugins that are found and are of this kind, and the names of those that did not answer in time."""
        found, silent = await self.unmanaged(kind, within)
        managed = self.managed.running() if self.managed is not None else ()
        return [*found, *(plugin for plugin in managed if kind in plugin.implements)], silent

    async def unmanaged(self, kind: str, within: timedelta) -> tuple[Sequence[Plugin], Sequence[str]]:
        """As implementing(), without the managed plugins, and those that have a managed one's name."""
        names = [name for name in self.settings.roots.names() if not self._is_managed(name)]
        if not names:
            return [], []
        found = await asyncio.gather(*(in_time(self.get(name, patience=timedelta(0)), within) for name in names))
        plugins = [plugin for plugin in found if plugin is not None and kind in plugin.implements]
        silent = [name for name, plugin in zip(names, found, strict=True) if plugin is None]
        return plugins, silent

    def _is_managed(self, name: str) -> bool:
        try:
            return self.managed is not None and self.managed.find(name) is not None
        except Conflict:
            return True  # one that is disabled

    async def call(
        self, plugin: Plugin, method: str, arguments: dict[str, Any] | None = None, *, within: timedelta
    ) -> dict[str, Any]:
        """One question to a plugin. Raises PluginFailed, PluginSilent; after that it is greeted anew."""
        try:
            return await plugin.client.call(method, arguments, within=within, patience=self.settings.patience)
        except PluginSilent:
            self._known.pop(plugin.name, None)
            raise

    def close(self) -> None:
        """Nobody waits for a handshake any more."""
        for task in self._greeting.values():
            task.cancel()
