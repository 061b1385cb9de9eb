"""What a plugin demands of the host, which a user must have granted. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from wharf.apitypes.plugins import PluginPrivilege
from wharf.errors import EngineError
from wharf.spec.plugin_config import PluginConfig, PluginMount

#: Networks that give nothing of the host away.
_HARMLESS_NETWORKS: Final = frozenset({"", "null", "bridge"})
#: Mounts that show their source or, tmpfs, nothing.
_TOLD_BY_SOURCE: Final = frozenset({"bind", "tmpfs"})


def demanded(config: PluginConfig) -> list[PluginPrivilege]:
    """In the order in which dockerd lists them."""
    return [
        PluginPrivilege(name=name, description=description, value=value)
        for name, description, value in _demands(config)
    ]


def _demands(config: PluginConfig) -> Iterator[tuple[str, str, list[str]]]:
    if config.network.type not in _HARMLESS_NETWORKS:
        yield "network", "permissions to access a network", [config.network.type]
    if config.ipc_host:
        yield "host ipc namespace", "allow access to host ipc namespace", ["true"]
    if config.pid_host:
        yield "host pid namespace", "allow access to host pid namespace", ["true"]
    for mount in config.mounts:
        if mount.source is not None:
            yield "mount", "host path to mount", [mount.source, *_beyond_source(mount)]
    for device in config.linux.devices:
        if device.path is not None:
            yield "device", "host device to access", [device.path]
    if config.linux.allow_all_devices:
        yield "allow-all-devices", "allow 'rwm' access to all devices", ["true"]
    if config.linux.capabilities:
        yield "capabilities", "list of additional capabilities required", list(config.linux.capabilities)


def _beyond_source(mount: PluginMount) -> list[str]:
    """What else of a mount gives something of the host away: dockerd shows nothing but the source.

    An overlay's source is just a word, and its options name the host's directories; one of type cgroup shows the host's
    groups, whatever its source is called.
    """
    return [] if mount.type in _TOLD_BY_SOURCE else [f"type={mount.type}", *mount.options]


def check_granted(config: PluginConfig, granted: Iterable[PluginPrivilege]) -> None:
    """Raises EngineError unless exactly what the plugin demands was granted, in whatever order."""
    if _counted(demanded(config)) != _counted(granted):
        raise EngineError("incorrect privileges")


def _counted(privileges: Iterable[PluginPrivilege]) -> Counter[tuple[str, tuple[str, ...]]]:
    return Counter((one.name, tuple(sorted(one.value))) for one in privileges)
