"""What an edit makes of a container's settings, and whether the container feels it without a new start. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.engine.containers import update
from wharf.engine.containers.record import Container, Settings
from wharf.errors import InvalidArgument

#: Members of the configuration that no edit changes, and why.
FIXED_CONFIG: Final = {
    "image": "its files stand on its image",
    "mac_address": "connect it to the network again with the other address",
}
FIXED_HOST: Final = {
    "network_mode": "connect it to other networks, or disconnect it",
    "storage_opt": "they belong to its files, which are kept",
    "userns_mode": "its ids are its own until it is removed",
}
#: What is only recorded, or is read when it is needed.
_FELT_AT_ONCE_CONFIG: Final = frozenset({"labels", "stop_signal", "stop_timeout"})
_FELT_AT_ONCE_HOST: Final = frozenset({"restart_policy", "auto_remove"})
#: Limits of a living control group: they can be set, but not all can be taken away.
_SETTABLE: Final = frozenset({*update.REPLACED, "pids_limit"})


@dataclass(frozen=True, slots=True)
class Change:
    """The members that an edit sets, by the names of the structs' fields. All others stay."""

    config: Mapping[str, Any]
    host: Mapping[str, Any]


def check_fixed(container: Container, change: Change) -> None:
    """Raises InvalidArgument for a member that cannot be edited, unless it has that value already."""
    for kind, old, new, fixed in (
        (ContainerConfig, container.config, change.config, FIXED_CONFIG),
        (HostConfig, container.host, change.host, FIXED_HOST),
    ):
        for name, why in fixed.items():
            if name in new and new[name] != getattr(old, name):
                wire = next(field.encode_name for field in msgspec.structs.fields(kind) if field.name == name)
                raise InvalidArgument(f"{wire} of a container cannot be edited: {why}")


def changed(settings: Settings, change: Change) -> tuple[ContainerConfig, HostConfig]:
    """The configuration with what the edit sets; what follows from a member that it sets is to be found anew."""
    host = dict(change.host)
    if "memory" in host and settings.host.memory_swap == 2 * settings.host.memory:
        host.setdefault("memory_swap", 0)
    if "privileged" in host and host["privileged"] != settings.host.privileged:
        host = {"masked_paths": None, "readonly_paths": None, "cgroupns_mode": "", **host}
    config = msgspec.structs.replace(settings.config, **change.config)
    if config.entrypoint == [""]:
        config = msgspec.structs.replace(config, entrypoint=None)
    if not config.entrypoint and not config.cmd:
        raise InvalidArgument("No command specified")
    return config, msgspec.structs.replace(settings.host, **host)


def needs_start(old: Settings, new: Settings) -> bool:
    """Whether a running container has to be started again to feel the change."""
    mounts_differ = (old.mounts, old.mount_details) != (new.mounts, new.mount_details)
    if mounts_differ or _differing(old.config, new.config) - _FELT_AT_ONCE_CONFIG:
        return True
    differing = _differing(old.host, new.host) - _FELT_AT_ONCE_HOST
    return not all(name in _SETTABLE and getattr(new.host, name) for name in differing)


def _differing(old: msgspec.Struct, new: msgspec.Struct) -> set[str]:
    return {name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)}
