"""A managed plugin as the engine's drivers see it: what it implements, where it answers, where its paths are here."""

import errno
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.errors import EngineError
from wharf.linux.inside import opened, opened_beneath
from wharf.plugins.client import PluginClient, Streams, open_stream
from wharf.plugins.discovery import Address
from wharf.plugins.registry import Plugin

#: What the capabilities of a configuration are called in the protocol.
_KINDS: Final = {
    "volumedriver": "VolumeDriver",
    "networkdriver": "NetworkDriver",
    "ipamdriver": "IpamDriver",
    "logdriver": "LogDriver",
    "authz": "authz",
}
_HTTP: Final = frozenset({"", "moby.plugins.http/v1"})


def offered(plugin: PluginRecord, places: PluginPlaces, timeout: timedelta | None) -> Plugin:
    """`timeout` is how long each of its answers may take; None is no limit of ours."""
    socket = places.sockets(plugin.id) / plugin.config.interface.socket
    connect = partial(connected, places.sockets(plugin.id), plugin.config.interface.socket)
    client = PluginClient(Address(plugin.name, f"unix://{socket}"), connect=connect, limit=timeout)
    return Plugin(plugin.name, client, implemented(plugin), on_host=_paths(plugin, places), held=_held(plugin, places))


def implemented(plugin: PluginRecord) -> frozenset[str]:
    """Nothing, for a plugin that speaks another protocol than ours."""
    interface = plugin.config.interface
    if interface.protocol_scheme not in _HTTP:
        return frozenset()
    return frozenset(_KINDS[name] for name in interface.capabilities if name in _KINDS)


async def connected(sockets: Path, name: str) -> Streams:
    """A connection to the plugin's socket, which is in `sockets` whatever links it has put there. Raises OSError."""
    with opened(sockets) as directory, opened_beneath(directory, name) as socket:
        if not stat.S_ISSOCK(os.fstat(socket).st_mode):
            raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
        # Also because the names of sockets must be shorter than 108 bytes.
        return await open_stream(f"/proc/self/fd/{socket}")


def host_place(plugin: PluginRecord, places: PluginPlaces, path: str) -> tuple[Path, str]:
    """Where a path in the plugin's container is on the host: a directory of ours, and what is below it. Pure."""
    path = posixpath.normpath(f"/{path}")
    shared = posixpath.normpath(f"/{plugin.config.propagated_mount}")
    if plugin.config.propagated_mount and (path == shared or path.startswith(f"{shared.rstrip('/')}/")):
        return places.propagated_mount(plugin.id), path.removeprefix(shared).lstrip("/")
    return places.rootfs(plugin.id), path.lstrip("/")


def _paths(plugin: PluginRecord, places: PluginPlaces) -> Callable[[str], str]:
    def on_host(path: str) -> str:
        top, below = host_place(plugin, places, path)
        try:
            with opened(top) as directory, opened_beneath(directory, below or "."):
                return str(top / below)
        except OSError as error:
            # A link would be followed on the host, where it leads elsewhere.
            reason = "it has a symbolic link in it" if error.errno == errno.ELOOP else (error.strerror or "").lower()
            raise EngineError(f"plugin {plugin.name}: the host cannot use its path {path}: {reason}") from None

    return on_host


def _held(plugin: PluginRecord, places: PluginPlaces) -> Callable[[str], AbstractContextManager[str]]:
    @contextmanager
    def held(path: str) -> Iterator[str]:
        directory = places.directory(plugin.id)
        with opened(directory) as top, opened_beneath(top, path.removeprefix(f"{directory}/")) as place:
            yield f"/proc/self/fd/{place}"

    return held
