"""What the API does with managed plugins. One change of a plugin at a time; its name never changes."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from wharf.apitypes.jsonmessage import Report
from wharf.apitypes.plugins import PluginInspect, PluginPrivilege
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.engine.images.thread_work import disk_errors
from wharf.engine.locks import Locks
from wharf.engine.plugins import naming
from wharf.engine.plugins.carrying import carried
from wharf.engine.plugins.contract import PluginRunner
from wharf.engine.plugins.creating import take_apart
from wharf.engine.plugins.describing import describe, list_matcher
from wharf.engine.plugins.faults import PluginDisabled, PluginEnabled, PluginExists, PluginInUse, unclassified
from wharf.engine.plugins.fetching import Check, Fetcher
from wharf.engine.plugins.files import PluginFiles
from wharf.engine.plugins.parts import Parts
from wharf.engine.plugins.privileges import check_granted, demanded
from wharf.engine.plugins.pushing import push
from wharf.engine.plugins.record import PluginRecord
from wharf.engine.plugins.setting import changed
from wharf.engine.plugins.store import PluginStore
from wharf.errors import EngineError, InvalidArgument, told_as
from wharf.events.bus import Bus


@dataclass(slots=True)
class ManagedPlugins:
    store: PluginStore
    files: PluginFiles
    runner: PluginRunner
    events: Bus
    registries: RegistryConfig
    _fetcher: Fetcher = field(init=False)
    _locks: Locks = field(default_factory=Locks)

    def __post_init__(self) -> None:
        self._fetcher = Fetcher(self.files.content, self.registries)

    async def open(self) -> None:
        """Repairs what an earlier engine left half done, and sees that what is enabled runs."""
        self.files.open(self.store)
        await self.runner.restore([plugin for plugin in self.store if plugin.enabled])

    async def close(self) -> None:
        await self.runner.close()
        self.files.close()

    def list(self, filters: Mapping[str, Sequence[str]]) -> list[PluginInspect]:
        """Raises InvalidArgument for a filter that does not exist."""
        matches = list_matcher(filters)
        return [describe(plugin) for plugin in self.store if matches(plugin)]

    def inspect(self, name: str) -> PluginInspect:
        """Raises NoSuchPlugin."""
        return describe(naming.find(self.store, name))

    async def create(self, name: str, stream: AsyncIterator[bytes]) -> None:
        """Makes a plugin of an archive. Raises PluginExists, EngineError; then there is nothing of it."""
        with told_as(f"failed to parse reference {name}"):
            reference = naming.parse_name(name)
        local = naming.new_name(reference, "canonical references are not permitted")
        async with self._locks.locked(local):
            if self._has(local):
                raise PluginExists(local)
            with self._intake("cannot create the plugin") as scratch:
                parts = await take_apart(self.files.content, stream, scratch)
                plugin = await self._add(parts, local, reference=local)
        self._tell("create", plugin.id, local)

    async def privileges(self, remote: str, auth: RegistryAuth | None) -> Sequence[PluginPrivilege]:
        """What a plugin at a registry demands. Raises EngineError."""
        with unclassified():
            return demanded(await self._fetcher.config(naming.parse_name(remote), auth))

    def name_for(self, remote: str, name: str) -> str:
        """What a plugin from `remote` will be called here, when the user wants it to be called `name`, or says nothing.

        Raises EngineError.
        """
        if name:
            return naming.new_name(naming.parse_name(name), "cannot use digest in plugin tag")
        return naming.name_of(naming.parse_name(remote))

    async def pull(
        self,
        remote: str,
        name: str,
        granted: Iterable[PluginPrivilege],
        auth: RegistryAuth | None,
        report: Report,
    ) -> None:
        """Installs a plugin from a registry, not enabled. Raises EngineError; then there is nothing of it."""
        reference = naming.parse_name(remote)
        local = self.name_for(remote, name)
        async with self._locks.locked(local):
            if self._has(local):
                raise InvalidArgument(str(PluginExists(local)))  # a 400 here, and a 409 in create(): as with dockerd
            with self._intake("cannot install the plugin") as scratch:
                parts = await self._fetcher.fetch(reference, auth, _only(granted), scratch, report)
                await self._add(parts, local, reference=reference.familiar)
        self._tell("pull", reference.familiar, local)

    async def upgrade(
        self,
        name: str,
        remote: str,
        granted: Iterable[PluginPrivilege],
        auth: RegistryAuth | None,
        report: Report,
    ) -> None:
        """Puts another version in a disabled plugin's place. Raises EngineError; then the plugin is as it was."""
        reference = naming.parse_name(remote)
        _require_disabled(naming.find(self.store, name))
        with self._intake("cannot upgrade the plugin") as scratch:
            parts = await self._fetcher.fetch(reference, auth, _only(granted), scratch, report)
            # Not while it was fetched: a registry that hangs is in nobody's way.
            async with self._one(name) as plugin:
                _require_disabled(plugin)
                await self._replace(plugin, parts, reference.familiar)
        self._tell("pull", reference.familiar, plugin.name)

    async def push(self, name: str, auth: RegistryAuth | None, report: Report) -> None:
        """Gives a plugin to the registry that its name says. Raises EngineError."""
        plugin = naming.find(self.store, name)
        with self.files.held():
            await push(plugin, self.files.content, auth, self.registries, report)
        self._tell("push", plugin.id, plugin.name)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Raises NoSuchPlugin, PluginInUse, PluginEnabled; `force` disables it first, whoever uses it."""
        async with self._one(name) as plugin:
            if not force and self.runner.in_use(plugin):
                raise PluginInUse(plugin.name)
            if not force and plugin.enabled:
                raise PluginEnabled(plugin.name)
            if plugin.enabled:
                await self.runner.disable(plugin)
            self.store.remove(plugin.id)
            self.files.remove(plugin.id)
        self.files.sweep(self.store)
        self._tell("remove", plugin.id, plugin.name)

    async def enable(self, name: str, *, timeout: timedelta | None = None) -> None:
        """Raises NoSuchPlugin, PluginEnabled, EngineError when it does not start: then it stays disabled."""
        async with self._one(name) as plugin:
            if plugin.enabled:
                raise PluginEnabled(plugin.name, "plugin already enabled")
            await self.runner.enable(plugin, timeout=timeout)
            try:
                self.store.put(replace(plugin, enabled=True))
            except BaseException:
                await self.runner.disable(plugin)
                raise
        self._tell("enable", plugin.id, plugin.name)

    async def disable(self, name: str, *, force: bool = False) -> None:
        """Raises NoSuchPlugin, PluginDisabled, PluginInUse (not with `force`), EngineError when it cannot be ended."""
        async with self._one(name) as plugin:
            if not plugin.enabled:
                raise PluginDisabled(plugin.name, "plugin is already disabled")
            if not force and self.runner.in_use(plugin):
                raise PluginInUse(plugin.name)
            # First the record: a daemon that dies meanwhile does not start it again.
            self.store.put(replace(plugin, enabled=False))
            try:
                await self.runner.disable(plugin)
            except BaseException:
                self.store.put(plugin)
                raise
        self._tell("disable", plugin.id, plugin.name)

    async def set(self, name: str, arguments: Sequence[str]) -> None:
        """Changes the settings of a disabled plugin. Raises NoSuchPlugin, EngineError for what cannot be set."""
        async with self._one(name) as plugin:
            if plugin.enabled:
                raise EngineError("cannot set on an active plugin, disable plugin before setting")
            self.store.put(replace(plugin, settings=changed(plugin.config, plugin.settings, arguments)))

    @asynccontextmanager
    async def _one(self, name: str) -> AsyncIterator[PluginRecord]:
        """The plugin that a user means, while nobody else changes it. Raises NoSuchPlugin."""
        async with self._locks.locked(naming.find(self.store, name).name):
            yield naming.find(self.store, name)

    @contextmanager
    def _intake(self, failing: str) -> Iterator[Path]:
        """A directory for what is being made. `failing` begins the text of an error of the disk."""
        try:
            with self.files.intake() as scratch, unclassified(), disk_errors(failing):
                yield scratch
        finally:
            self.files.sweep(self.store)

    def _has(self, name: str) -> bool:
        return any(plugin.name == name for plugin in self.store)

    async def _add(self, parts: Parts, name: str, *, reference: str) -> PluginRecord:
        """A new plugin; without its record nothing of it outlives the engine."""
        plugin = parts.record(secrets.token_hex(32), name, reference)
        try:
            self.files.keep(parts.rootfs, plugin.id)
            await asyncio.to_thread(self.files.sync)
            self.store.put(plugin)
        except BaseException:
            self.files.remove(plugin.id)
            raise
        return plugin

    async def _replace(self, plugin: PluginRecord, parts: Parts, reference: str) -> None:
        """The same plugin made of other parts. From the moment that the record is changed it cannot fail any more."""
        upgraded = parts.record(plugin.id, plugin.name, reference)
        settings = carried(plugin.config, plugin.settings, parts.config)
        upgraded = replace(upgraded, settings=settings, revision=secrets.token_hex(8))
        try:
            self.files.prepare_upgrade(parts.rootfs, upgraded)
            await asyncio.to_thread(self.files.sync)
            self.store.put(upgraded)
        except BaseException:
            self.files.finish_upgrade(plugin)
            raise
        self.files.finish_upgrade(upgraded)

    def _tell(self, action: str, id: str, name: str) -> None:
        self.events.publish("plugin", action, id, {"name": name})


def _require_disabled(plugin: PluginRecord) -> None:
    if plugin.enabled:
        raise PluginEnabled(plugin.name, "plugin must be disabled before upgrading")


def _only(granted: Iterable[PluginPrivilege]) -> Check:
    """Refuses a plugin that demands anything else than what was granted."""
    privileges = list(granted)
    return lambda config: check_granted(config, privileges)
