"""Volumes of a plugin (docs.docker.com/engine/extend/plugins_volume). Names and options are passed on as they are."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from wharf.errors import EngineError, NotFound
from wharf.plugins.client import PluginFailed
from wharf.plugins.registry import Plugin, Plugins
from wharf.volumes.contract import Described, Options
from wharf.volumes.filling import fill_in_place
from wharf.volumes.threads import Aside, Stopped, in_thread

KIND: Final = "VolumeDriver"


class PluginDriver:
    """Fulfils VolumeDriver."""

    def __init__(self, plugins: Plugins, plugin: Plugin, scope: str, aside: Aside) -> None:
        self._plugins = plugins
        self._aside = aside
        self._plugin = plugin
        self.name = plugin.name
        self.scope = scope

    @classmethod
    async def opened(cls, plugins: Plugins, plugin: Plugin, aside: Aside) -> "PluginDriver":
        """With its scope, which old plugins cannot tell."""
        driver = cls(plugins, plugin, "local", aside)
        try:
            answer = await driver._ask("Capabilities", {}, plugins.settings.short)
        except PluginFailed:
            return driver
        capabilities = answer.get("Capabilities")
        scope = capabilities.get("Scope") if isinstance(capabilities, dict) else ""
        return cls(plugins, plugin, "global" if scope == "global" else "local", aside)

    def is_of(self, plugin: Plugin) -> bool:
        """Whether this is the driver of that plugin, and not of one that had its name before."""
        return self._plugin is plugin

    async def _ask(self, what: str, arguments: dict[str, Any], within: timedelta | None = None) -> dict[str, Any]:
        within = within or self._plugins.settings.long
        return await self._plugins.call(self._plugin, f"{KIND}.{what}", arguments, within=within)

    async def create(self, name: str, options: Options) -> None:
        await self._ask("Create", {"Name": name, "Opts": dict(options)})

    async def describe(self, name: str) -> Described:
        answer = await self._ask("Get", {"Name": name}, self._plugins.settings.short)
        volume = answer.get("Volume")
        if not isinstance(volume, dict):
            raise NotFound("no such volume")
        status, mountpoint = volume.get("Status"), _text(volume, "Mountpoint")
        return Described(
            mountpoint=self._plugin.on_host(mountpoint) if mountpoint else "",
            created_at=_text(volume, "CreatedAt"),
            status=status if isinstance(status, dict) else {},
        )

    async def names(self) -> Sequence[str]:
        answer = await self._ask("List", {}, self._plugins.settings.listing)
        volumes = answer.get("Volumes")
        entries = volumes if isinstance(volumes, list) else []
        return [_text(one, "Name") for one in entries if isinstance(one, dict) and _text(one, "Name")]

    def needs_mount(self, options: Options) -> bool:
        return True

    async def mount(self, name: str, options: Options, user: str) -> str:
        answer = await self._ask("Mount", {"Name": name, "ID": user})
        path = _text(answer, "Mountpoint")
        if not path:
            path = _text(await self._ask("Path", {"Name": name}, self._plugins.settings.short), "Mountpoint")
        if not path.startswith("/") or "\0" in path:
            raise EngineError(f"VolumeDriver.Mount: the plugin names no absolute path: {path!r}")
        place = self._plugin.on_host(path)
        await self._aside.at(place)(partial(self._check, place))
        return place

    def _check(self, path: str) -> None:
        with self.held(path):
            pass  # the host can use it

    def held(self, path: str) -> AbstractContextManager[str]:
        return self._plugin.held(path)

    async def unmount(self, name: str, options: Options, user: str, *, last: bool) -> None:
        await self._ask("Unmount", {"Name": name, "ID": user})

    def may_be_empty(self, name: str, options: Options) -> bool:
        return True

    async def fill(self, name: str, path: str, source: int) -> None:
        def work(stopped: Stopped) -> None:
            with self.held(path) as place:
                fill_in_place(Path(place), source, stopped)

        await in_thread(work, self._aside.at(path))

    async def withdraw(self, name: str) -> str:
        await self._ask("Remove", {"Name": name})
        return ""

    async def remove(self, withdrawn: str) -> None:
        """The plugin has done that."""

    async def usage(self, name: str, options: Options) -> int:
        return -1


def _text(value: dict[str, Any], member: str) -> str:
    found = value.get(member)
    return found if isinstance(found, str) else ""
