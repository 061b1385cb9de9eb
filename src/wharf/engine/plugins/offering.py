"""A managed plugin as the engine's drivers see it: what it implements, where it answers, where its paths are here."""

import errno
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
    on_host = partial(host_path, plugin, places)
    return Plugin(plugin.name, client, implemented(plugin), on_host=on_host, held=_held(plugin, places))


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


def host_path(plugin: PluginRecord, places: PluginPlaces, path: str) -> str:
    """Where a path in the plugin's container is on the host: always in the plugin's directory. Pure."""
    path, shared = _absolute(path), _absolute(plugin.config.propagated_mount)
    if plugin.config.propagated_mount and (path == shared or path.startswith(f"{shared.rstrip('/')}/")):
        return str(places.propagated_mount(plugin.id) / path.removeprefix(shared).lstrip("/"))
    return str(places.rootfs(plugin.id) / path.lstrip("/"))


def _absolute(path: str) -> str:
    """From the root, without `.` and `..`. Of two slashes at the beginning normpath() would keep both."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _held(plugin: PluginRecord, places: PluginPlaces) -> Callable[[str], AbstractContextManager[str]]:
    directory = places.directory(plugin.id)

    @contextmanager
    def held(path: str) -> Iterator[str]:
        with ExitStack() as stack:
            try:
                top = stack.enter_context(opened(directory))
                place = stack.enter_context(opened_beneath(top, path.removeprefix(f"{directory}/")))
            except OSError as error:
                raise _told(error, plugin.name, path) from None
            yield f"/proc/self/fd/{place}"

    return held


def _told(error: OSError, name: str, path: str) -> EngineError:
    # A link would be followed on the host, where it leads elsewhere.
    reason = "it has a symbolic link in it" if error.errno == errno.ELOOP else (error.strerror or str(error)).lower()
    return EngineError(f"plugin {name}: the host cannot use {path}: {reason}")
