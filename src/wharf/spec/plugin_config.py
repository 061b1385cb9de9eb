"""The configuration of a managed plugin: config.json of Docker's plugin format, version 1.

The format is described at https://docs.docker.com/engine/extend/config/. Who reads it is lenient, as dockerd is: names
of members in any case, null for what is absent, and members that nobody knows are passed over.
"""

import re
from typing import Annotated, Any, Final

import msgspec

from wharf.errors import InvalidArgument
from wharf.spec.manifest import without_nulls
from wharf.spec.unreadable import UNREADABLE

#: Media type of a plugin's configuration in a registry, which tells it from an image.
PLUGIN_CONFIG: Final = "application/vnd.docker.plugin.v1+json"

_PREFIX: Final = "docker."
_TYPE: Final = re.compile(r"[^\s./]+(\.[^\s./]+)+/[^\s/]+")
#: Members that are not written where they say nothing.
_LEFT_OUT: Final = frozenset({"DockerVersion", "ProtocolScheme", "UID", "GID", "rootfs", "diff_ids", "type"})
_Texts = tuple[str, ...]
_Id = Annotated[int, msgspec.Meta(ge=0, lt=2**32 - 1)]  # the highest means "nobody in particular" to the kernel


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An object of the configuration. `settable` names the members that `plugin set` may change."""


class PluginMount(_Part, frozen=True, kw_only=True):
    """A mount in the plugin's container; without a source it is to be set before the plugin can run."""

    description: str = ""
    destination: str = ""
    name: str = ""
    options: _Texts = ()
    settable: _Texts = ()
    source: str | None = None
    type: str = ""


class PluginDevice(_Part, frozen=True, kw_only=True):
    description: str = ""
    name: str = ""
    path: str | None = None
    settable: _Texts = ()


class PluginEnv(_Part, frozen=True, kw_only=True):
    description: str = ""
    name: str = ""
    settable: _Texts = ()
    value: str | None = None


class PluginArgs(_Part, frozen=True, kw_only=True):
    description: str = ""
    name: str = ""
    settable: _Texts = ()
    value: _Texts = ()


class PluginInterface(_Part, frozen=True, kw_only=True):
    """What the plugin offers, and the socket in /run/docker/plugins of its container where it does."""

    protocol_scheme: str = ""
    socket: str = ""
    types: _Texts = ()  # "docker.volumedriver/1.0"

    @property
    def capabilities(self) -> frozenset[str]:
        """Docker's types without prefix and version: "volumedriver"."""
        own = (one.removeprefix(_PREFIX) for one in self.types if one.startswith(_PREFIX))
        return frozenset(one.partition("/")[0] for one in own)


class PluginLinux(_Part, frozen=True, kw_only=True):
    allow_all_devices: bool = False
    capabilities: _Texts = ()
    devices: tuple[PluginDevice, ...] = ()


class PluginNetwork(_Part, frozen=True, kw_only=True):
    type: str = ""  # "host", "none", "bridge"


class PluginUser(_Part, frozen=True, kw_only=True):
    gid: _Id = msgspec.field(name="GID", default=0)
    uid: _Id = msgspec.field(name="UID", default=0)


class PluginRootFS(msgspec.Struct, frozen=True, kw_only=True):
    diff_ids: _Texts = ()
    type: str = ""


class PluginConfig(_Part, frozen=True, kw_only=True):
    """What a plugin is and demands. Its members stand in the order in which dockerd writes them."""

    args: PluginArgs = PluginArgs()
    description: str = ""
    docker_version: str = ""
    documentation: str = ""
    entrypoint: _Texts = ()
    env: tuple[PluginEnv, ...] = ()
    interface: PluginInterface = PluginInterface()
    ipc_host: bool = False
    linux: PluginLinux = PluginLinux()
    mounts: tuple[PluginMount, ...] = ()
    network: PluginNetwork = PluginNetwork()
    pid_host: bool = False
    propagated_mount: str = ""  # a path in the container, whose mounts the host is to see
    user: PluginUser = PluginUser()
    work_dir: str = ""
    rootfs: PluginRootFS | None = msgspec.field(name="rootfs", default=None)


class PluginSettings(_Part, frozen=True, kw_only=True):
    """What a user has chosen; at first what the configuration says."""

    args: _Texts = ()
    devices: tuple[PluginDevice, ...] = ()
    env: _Texts = ()  # "NAME=value"
    mounts: tuple[PluginMount, ...] = ()

    @classmethod
    def of(cls, config: PluginConfig) -> "PluginSettings":
        """The settings of a plugin that nobody has changed. A variable without a value is not set."""
        return cls(
            args=config.args.value,
            devices=config.linux.devices,
            env=tuple(f"{one.name}={one.value}" for one in config.env if one.value is not None),
            mounts=config.mounts,
        )


def parse_plugin_config(data: bytes) -> PluginConfig:
    """Read a plugin's configuration. Raises InvalidArgument when it is none."""
    try:
        document = without_nulls(msgspec.json.decode(data))
        if not isinstance(document, dict):
            raise InvalidArgument("failed to parse config: it is not a JSON object")
        config = msgspec.convert(_named_as(msgspec.inspect.type_info(PluginConfig), document), PluginConfig)
    except UNREADABLE as error:
        raise InvalidArgument(f"failed to parse config: {error}") from None
    for one in config.interface.types:
        if not _TYPE.fullmatch(one):
            raise InvalidArgument(f"failed to parse config: {one!r} is no type of a plugin's interface")
    return config


def format_plugin_config(config: PluginConfig) -> bytes:
    """The document, always the same bytes for the same value."""
    return msgspec.json.encode(plugin_document(config))


def plugin_document(value: PluginConfig | PluginMount | PluginDevice) -> dict[str, Any]:
    """The JSON value of a configuration, or of a part of it, as dockerd has it: lists of nothing are null."""
    document: dict[str, Any] = _without_nothings(msgspec.to_builtins(value))
    return document


def _without_nothings(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothings(one) for key, one in value.items() if one or key not in _LEFT_OUT}
    if isinstance(value, list | tuple):
        return [_without_nothings(one) for one in value] or None
    return value


def _named_as(kind: msgspec.inspect.Type, value: Any) -> Any:
    """The value with its members' names in our case: Go's decoder, which plugins are written for, takes any."""
    if isinstance(kind, msgspec.inspect.UnionType):
        structs = [one for one in kind.types if isinstance(one, msgspec.inspect.StructType)]
        return _named_as(structs[0], value) if structs else value
    if isinstance(kind, msgspec.inspect.VarTupleType) and isinstance(value, list):
        return [_named_as(kind.item_type, one) for one in value]
    if not isinstance(kind, msgspec.inspect.StructType) or not isinstance(value, dict):
        return value
    fields = {field.encode_name.lower(): field for field in kind.fields}
    known = ((fields[key.lower()], member) for key, member in value.items() if key.lower() in fields)
    return {field.encode_name: _named_as(field.type, member) for field, member in known}
