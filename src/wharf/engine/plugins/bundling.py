"""From a plugin's record to what the OCI runtime is told. Pure: all that the host knows comes in Around.

As dockerd runs plugins: capabilities are the usual ones and those that the configuration demands (its user has granted
them), there is no seccomp filter, and the only network besides the host's is none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from wharf.engine.containers.bundling import capability, scope_annotations
from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.errors import EngineError
from wharf.runtime import bundle
from wharf.runtime.bundle import BundleSpec, Device, DeviceRule, HostFacts, Mount, Namespaces

#: Where a plugin makes its socket, in its container.
SOCKETS: Final = "/run/docker/plugins"
_ETC: Final = ("/etc/hosts", "/etc/resolv.conf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a start finds on the host."""

    facts: HostFacts
    every: frozenset[str]  # all capabilities that there are
    hostname: str
    cgroups_path: str
    unified_cgroups: bool  # pure cgroup v2
    devices: Mapping[str, tuple[Device, ...]] = field(default_factory=dict)  # the nodes at each path of the settings
    restrictions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by source: what its mount forbids


def spec(plugin: PluginRecord, places: PluginPlaces, around: Around) -> tuple[BundleSpec, list[str]]:
    """The run, and a warning for each thing that the host cannot give. Raises EngineError for what cannot be run."""
    config, settings = plugin.config, plugin.settings
    if not config.entrypoint:
        raise EngineError("the plugin's configuration names no entrypoint")
    nodes = [device for one in settings.devices for device in around.devices.get(one.path or "", ())]
    plain = BundleSpec(
        args=(*config.entrypoint, *settings.args),
        env=(bundle.DEFAULT_PATH, *settings.env),
        cwd=config.work_dir or "/",
        uid=config.user.uid,
        gid=config.user.gid,
        capabilities=_capabilities(plugin, around),
        hostname=around.hostname,
        rootfs_propagation="rshared" if config.propagated_mount else "",
        namespaces=Namespaces(
            network=bundle.HOST if config.network.type == "host" else bundle.NEW,
            pid=bundle.HOST if config.pid_host else bundle.NEW,
            ipc=bundle.HOST if config.ipc_host else bundle.NEW,
            cgroup=bundle.NEW if around.unified_cgroups else bundle.HOST,
        ),
        mounts=(*_default_mounts(plugin), *_own_mounts(plugin, places, around)),
        devices=tuple(nodes),
        device_rules=(DeviceRule(True),)
        if config.linux.allow_all_devices
        else (*bundle.default_device_rules(), *(DeviceRule(True, one.type, one.major, one.minor) for one in nodes)),
        cgroups_path=around.cgroups_path,
        annotations=scope_annotations(around.cgroups_path),
    )
    return bundle.fitted(plain, around.facts)


def _capabilities(plugin: PluginRecord, around: Around) -> tuple[str, ...]:
    demanded = {capability(name) for name in plugin.config.linux.capabilities}
    if unknown := sorted(demanded - around.every):
        raise EngineError(f'unknown capability: "{unknown[0]}"')
    return tuple(sorted(demanded.union(bundle.DEFAULT_CAPABILITIES)))


def _default_mounts(plugin: PluginRecord) -> Iterator[Mount]:
    """Those of every container, less what the plugin replaces; who brings a /dev of his own brings all below it."""
    own = {mount.destination for mount in plugin.settings.mounts}
    for mount in bundle.default_mounts():
        if mount.destination not in own and not ("/dev" in own and mount.destination.startswith("/dev/")):
            yield mount


def _own_mounts(plugin: PluginRecord, places: PluginPlaces, around: Around) -> Iterator[Mount]:
    config = plugin.config
    if config.propagated_mount:
        source = str(places.propagated_mount(plugin.id))
        yield Mount(config.propagated_mount, "bind", source, ("rbind", "rw", "rshared"))
    for mount in plugin.settings.mounts:
        if mount.source is None:
            raise EngineError("mount source is not specified")
        kept = around.restrictions.get(mount.source, ())
        yield Mount(mount.destination, mount.type, mount.source, (*mount.options, *kept))
    yield Mount(SOCKETS, "bind", str(places.sockets(plugin.id)), ("rbind", "rprivate"))
    if config.network.type:
        yield from (Mount(path, "bind", path, ("rbind", "ro", "rprivate")) for path in _ETC)
