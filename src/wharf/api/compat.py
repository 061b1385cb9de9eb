"""How answers look in each version of the API: a table of pure functions.

The structs know the union of all members; each row says what a version does not have, or shows only when it is set.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from wharf.apitypes.containers import ContainerConfig, ContainerInspect, ContainerSummary, NetworkingConfig
from wharf.apitypes.images import ImageInspect, ImageSummary
from wharf.apitypes.networks import NetworkCreateRequest, NetworkInspect
from wharf.apitypes.system import DiskUsage, Info
from wharf.errors import InvalidArgument

Document = dict[str, Any]
Change = Callable[[Document], None]

#: The one content type of multiplexed output, since this version; a raw stream's before, framed or not.
MULTIPLEXED_SINCE: Final = 42
#: Pruning volumes spares those with a name of their own, unless asked, since this version.
NAMED_VOLUMES_SPARED_SINCE: Final = 42
#: A stop may name its signal, and a health check the interval of its start period, since these versions.
STOP_SIGNAL_SINCE: Final = 42
START_INTERVAL_SINCE: Final = 44
#: A container can be made on several networks since this version.
SEVERAL_NETWORKS_SINCE: Final = 44
#: A network can do without IPv4 since this version.
WITHOUT_IPV4_SINCE: Final = 48
#: Events carry no copies of their members for old clients from this version on.
PLAIN_EVENTS_SINCE: Final = 52


def _without(*names: str) -> Change:
    def change(document: Document) -> None:
        for name in names:
            document.pop(name, None)

    return change


def _without_empty(*names: str) -> Change:
    """Members that are absent where they say nothing (Go's omitempty): clients ask whether they are there."""

    def change(document: Document) -> None:
        for name in names:
            if name in document and not document[name]:
                del document[name]

    return change


def _null_when_empty(*names: str) -> Change:
    def change(document: Document) -> None:
        for name in names:
            if name in document and not document[name]:
                document[name] = None

    return change


def _unset(*names: str) -> Change:
    """Members that are absent where they are null; 0 and false say something."""

    def change(document: Document) -> None:
        for name in names:
            if name in document and document[name] is None:
                del document[name]

    return change


def _within(member: str, inner: Change) -> Change:
    def change(document: Document) -> None:
        if isinstance(document.get(member), dict):
            inner(document[member])

    return change


def _each(member: str, inner: Change) -> Change:
    def change(document: Document) -> None:
        for value in (document.get(member) or {}).values():
            inner(value)

    return change


def _every(member: str, inner: Change) -> Change:
    def change(document: Document) -> None:
        for value in document.get(member) or ():
            inner(value)

    return change


def _console_size(document: Document) -> None:
    document["ConsoleSize"] = document["ConsoleSize"] or [0, 0]


def _id_as_alias(document: Document) -> None:
    """Until 1.44 the short id was among the aliases; now all of a container's names on a network are DNSNames."""
    for name, endpoint in document["NetworkSettings"]["Networks"].items():
        if name not in ("bridge", "host", "none"):
            endpoint["Aliases"] = [*(endpoint["Aliases"] or ()), document["Id"][:12]]


def _bridge_by_name(document: Document) -> None:
    """The default network is called what it is, no longer "default"."""
    if document["HostConfig"]["NetworkMode"] == "default":
        document["HostConfig"]["NetworkMode"] = "bridge"


def _uncounted(document: Document) -> None:
    document["Containers"] = -1


def _no_bridge_filtering(document: Document) -> None:
    """Whether bridges ask the firewall stopped to matter before it stopped to be told."""
    document["BridgeNfIptables"] = document["BridgeNfIp6tables"] = False


_ENDPOINT_EXTRAS: Final = _without("DNSNames", "GwPriority")
#: What the default bridge's settings repeated until 1.52, and members that were empty long before.
_LEGACY_NETWORK: Final = _without(
    "Bridge",
    "HairpinMode",
    "LinkLocalIPv6Address",
    "LinkLocalIPv6PrefixLen",
    "SecondaryIPAddresses",
    "SecondaryIPv6Addresses",
    "EndpointID",
    "Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "MacAddress",
)

#: What a container's configuration, or an image's, shows only when it is set.
_CONFIG_OPTIONS: Final = _without_empty(
    "ArgsEscaped", "ExposedPorts", "Healthcheck", "NetworkDisabled", "Shell", "StopSignal"
)
_HEALTH_CHECK: Final = _without_empty("Test", "Interval", "Timeout", "Retries", "StartPeriod", "StartInterval")
_HOST_OPTIONS: Final = _without_empty("Annotations", "Mounts", "StorageOpt", "Sysctls", "Tmpfs")
#: The docker CLI sends null for these, and so dockerd has shown null ever since.
_HOST_NULLS: Final = _null_when_empty(
    "Binds",
    "CapAdd",
    "CapDrop",
    "DeviceCgroupRules",
    "DeviceRequests",
    "ExtraHosts",
    "GroupAdd",
    "Links",
    "SecurityOpt",
    "VolumesFrom",
)
#: Of an image's configuration: what only a container can have.
_CONTAINERS_ONLY: Final = _without_empty(
    "AttachStderr",
    "AttachStdin",
    "AttachStdout",
    "Domainname",
    "Hostname",
    "Image",
    "OpenStdin",
    "StdinOnce",
    "Tty",
)
#: Of a mount: what only a volume has.
_VOLUMES_ONLY: Final = _without_empty("Driver", "Name")

_SUMMARY: Final[Sequence[tuple[int, int, Change]]] = (
    (0, 45, _within("HostConfig", _without("Annotations"))),
    (46, 99, _within("HostConfig", _without_empty("Annotations"))),
    (0, 43, _within("NetworkSettings", _each("Networks", _ENDPOINT_EXTRAS))),
    (44, 47, _within("NetworkSettings", _each("Networks", _without("GwPriority")))),
    (0, 51, _without("Health")),
    (45, 99, _bridge_by_name),
    (0, 99, _every("Mounts", _VOLUMES_ONLY)),
    (0, 99, _without_empty("SizeRw")),
)
_IMAGE_SUMMARY: Final[Sequence[tuple[int, int, Change]]] = ((44, 99, _without("VirtualSize")),)
_COMMITS: Final = ("ContainerdCommit", "RuncCommit", "InitCommit")


def _nested(member: str, rows: Sequence[tuple[int, int, Change]]) -> Sequence[tuple[int, int, Change]]:
    """The same rows for each entry of a list."""
    return [(first, last, _every(member, change)) for first, last, change in rows]


def _items(member: str, rows: Sequence[tuple[int, int, Change]]) -> Sequence[tuple[int, int, Change]]:
    """The same rows for each entry of a list that is called Items."""
    return [(first, last, _within(member, change)) for first, last, change in _nested("Items", rows)]


#: For a type: (first version, last version, change). All rows whose versions fit are applied, in order.
SHAPES: Final[dict[type, Sequence[tuple[int, int, Change]]]] = {
    ContainerInspect: (
        (0, 51, _within("Config", _without_empty("MacAddress"))),
        (0, 44, _id_as_alias),
        (0, 99, _every("Mounts", _VOLUMES_ONLY)),
        (0, 43, _within("NetworkSettings", _each("Networks", _ENDPOINT_EXTRAS))),
        (44, 47, _within("NetworkSettings", _each("Networks", _without("GwPriority")))),
        (0, 42, _within("HostConfig", _without("Annotations"))),
        (52, 99, _within("Config", _without("MacAddress"))),
        (0, 99, _within("Config", _CONFIG_OPTIONS)),
        (0, 99, _within("Config", _within("Healthcheck", _HEALTH_CHECK))),
        (0, 99, _within("Config", _unset("StopTimeout"))),
        (0, 99, _within("Config", _null_when_empty("Volumes"))),
        (0, 99, _within("HostConfig", _HOST_OPTIONS)),
        (0, 99, _within("HostConfig", _HOST_NULLS)),
        (0, 99, _within("HostConfig", _unset("Init"))),
        (0, 99, _within("HostConfig", _console_size)),
        (45, 99, _bridge_by_name),
        (52, 99, _within("NetworkSettings", _LEGACY_NETWORK)),
    ),
    ContainerSummary: _SUMMARY,
    ImageInspect: (
        (44, 99, _without("VirtualSize")),
        (45, 99, _without("Container", "ContainerConfig")),
        (52, 99, _without("DockerVersion", "Parent")),
        *((0, 99, _within(config, _CONFIG_OPTIONS)) for config in ("Config", "ContainerConfig")),
        *((0, 99, _within(config, _unset("StopTimeout"))) for config in ("Config", "ContainerConfig")),
        *((0, 99, _within(config, _null_when_empty("Volumes", "Labels"))) for config in ("Config", "ContainerConfig")),
        (0, 49, _within("Config", _without_empty("MacAddress"))),
        (50, 99, _within("Config", _without("MacAddress"))),
        (50, 99, _within("Config", _CONTAINERS_ONLY)),
    ),
    # Lists of images count no containers before 1.51; disk usage always did.
    ImageSummary: (*_IMAGE_SUMMARY, (0, 50, _uncounted)),
    DiskUsage: (
        *_nested("Containers", _SUMMARY),
        *_nested("Images", _IMAGE_SUMMARY),
        *_items("ContainerUsage", _SUMMARY),
        *_items("ImageUsage", _IMAGE_SUMMARY),
        (42, 99, _without("BuilderSize")),
    ),
    NetworkInspect: (
        (0, 99, _within("IPAM", _null_when_empty("Config"))),
        (0, 51, _without("Status")),
    ),
    Info: (
        (0, 99, _null_when_empty("Warnings")),
        (0, 43, _without("CDISpecDirs")),
        (0, 48, _without("FirewallBackend")),
        (0, 49, _without("DiscoveredDevices")),
        (48, 49, _no_bridge_filtering),
        (50, 99, _without("BridgeNfIptables", "BridgeNfIp6tables")),
        *((49, 99, _within(commit, _without("Expected"))) for commit in _COMMITS),
        (52, 99, _without("KernelMemoryTCP")),
    ),
}


def shaped(value: Any, version: int) -> Any:
    """The value, or a list of values, as API 1.`version` shows it."""
    if isinstance(value, list | tuple):
        return [shaped(one, version) for one in value]
    rows = [change for first, last, change in SHAPES.get(type(value), ()) if first <= version <= last]
    if not rows:
        return value
    document = msgspec.to_builtins(value)
    for change in rows:
        change(document)
    return document


def stream_type(version: int, *, tty: bool) -> str:
    """Content type of a container's output."""
    if tty or version < MULTIPLEXED_SINCE:
        return "application/vnd.docker.raw-stream"
    return "application/vnd.docker.multiplexed-stream"


def stop_signal(signal: str, version: int) -> str:
    """The signal that a stop or restart asks for; "" is the container's own."""
    return signal if version >= STOP_SIGNAL_SINCE else ""


def config_of(config: ContainerConfig, version: int) -> ContainerConfig:
    """What a request for a new container means, without what its version did not have."""
    if config.healthcheck is None or version >= START_INTERVAL_SINCE:
        return config
    return msgspec.structs.replace(config, healthcheck=msgspec.structs.replace(config.healthcheck, start_interval=0))


def networking_of(networking: NetworkingConfig, version: int) -> NetworkingConfig:
    """The networks of a new container. Raises InvalidArgument for several where a version knew only one."""
    names = sorted(networking.endpoints_config)
    if len(names) > 1 and version < SEVERAL_NETWORKS_SINCE:
        raise InvalidArgument(f"Container cannot be created with multiple network endpoints: {', '.join(names)}")
    return networking


def network_of(asked: NetworkCreateRequest, version: int) -> NetworkCreateRequest:
    """What a request for a new network means, without what its version did not have."""
    return asked if version >= WITHOUT_IPV4_SINCE else msgspec.structs.replace(asked, enable_ipv4=None)


def prune_volume_filters(filters: dict[str, list[str]], version: int) -> dict[str, list[str]]:
    """What a prune of volumes means in today's words."""
    return filters if version >= NAMED_VOLUMES_SPARED_SINCE else {**filters, "all": ["true"]}
