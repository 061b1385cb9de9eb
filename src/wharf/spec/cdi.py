"""Container Device Interface: a vendor's description of devices, and of what a container needs to use them. Pure.

Names and rules are those of the specification, https://github.com/cncf-tags/container-device-interface, up to 1.1.0.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

VERSIONS: Final = ((0, 3, 0), (0, 4, 0), (0, 5, 0), (0, 6, 0), (0, 7, 0), (0, 8, 0), (1, 0, 0), (1, 1, 0))
HOOKS: Final = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
#: Of devices without a type, it is that of the node on the host. `u` is another word for `c`.
_NODE_TYPES: Final = ("", "b", "c", "u", "p")
_VENDOR: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_CLASS: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_DEVICE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?", re.ASCII)


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An object of a description. What nobody has specified is a mistake, not a hint."""


class DeviceNode(_Part, frozen=True, kw_only=True):
    path: str
    host_path: str = ""  # "" is `path`
    type: str = ""
    major: int | None = None
    minor: int | None = None
    file_mode: int | None = None
    permissions: str = ""
    uid: int | None = None
    gid: int | None = None


class Mount(_Part, frozen=True, kw_only=True):
    host_path: str
    container_path: str
    options: list[str] = []
    type: str = ""


class Hook(_Part, frozen=True, kw_only=True):
    """A program of the host that the OCI runtime runs; `timeout` is in seconds."""

    hook_name: str
    path: str
    args: list[str] = []
    env: list[str] = []
    timeout: int | None = None


class NetDevice(_Part, frozen=True, kw_only=True):
    host_interface_name: str
    name: str


class ContainerEdits(_Part, frozen=True, kw_only=True):
    env: list[str] = []
    device_nodes: list[DeviceNode] = []
    net_devices: list[NetDevice] = []
    hooks: list[Hook] = []
    mounts: list[Mount] = []
    intel_rdt: dict[str, Any] | None = None
    additional_gids: list[int] = msgspec.field(name="additionalGids", default=[])

    @property
    def is_empty(self) -> bool:
        return self == ContainerEdits()


class Device(_Part, frozen=True, kw_only=True):
    name: str
    annotations: dict[str, str] = {}
    container_edits: ContainerEdits


class Spec(_Part, frozen=True, kw_only=True):
    """One file: devices of one kind (`vendor/class`), and edits for who uses any of them."""

    cdi_version: str
    kind: str
    annotations: dict[str, str] = {}
    devices: list[Device] = []
    container_edits: ContainerEdits = ContainerEdits()


def parse_spec(document: object) -> Spec:
    """A description from its JSON value. Raises ValueError with what is wrong."""
    spec = msgspec.convert(document, Spec)
    version = tuple(int(part) if part.isdecimal() else -1 for part in spec.cdi_version.removeprefix("v").split("."))
    if version not in VERSIONS and version >= VERSIONS[0]:
        raise ValueError(f"invalid version {spec.cdi_version!r}")
    vendor, _, group = spec.kind.partition("/")
    if not _VENDOR.fullmatch(vendor) or not _CLASS.fullmatch(group):
        raise ValueError(f"invalid kind {spec.kind!r}")
    _check_devices(spec)
    needed = max(_needed_versions(spec))
    if version < needed:
        raise ValueError(f"the spec version must be at least v{'.'.join(map(str, needed))}")
    return spec


def _check_devices(spec: Spec) -> None:
    if not spec.devices:
        raise ValueError("invalid spec, no devices")
    _check_edits(spec.container_edits)
    seen = set()
    for device in spec.devices:
        if not _DEVICE.fullmatch(device.name):
            raise ValueError(f"invalid device name {device.name!r}")
        if device.name in seen:
            raise ValueError(f'invalid spec, multiple device "{device.name}"')
        seen.add(device.name)
        if device.container_edits.is_empty:
            raise ValueError(f'invalid device "{device.name}", empty device edits')
        _check_edits(device.container_edits)


def _check_edits(edits: ContainerEdits) -> None:
    for text in edits.env:
        if "=" not in text[1:]:
            raise ValueError(f"invalid environment variable {text!r}")
    for node in edits.device_nodes:
        if not node.path.startswith("/"):
            raise ValueError(f"invalid device path {node.path!r}")
        if node.type not in _NODE_TYPES:
            raise ValueError(f'device "{node.path}": invalid type {node.type!r}')
        if not set(node.permissions) <= set("rwm"):
            raise ValueError(f'device "{node.path}": invalid permissions {node.permissions!r}')
    for mount in edits.mounts:
        if not mount.host_path or not mount.container_path:
            raise ValueError("invalid mount, empty path")
    for hook in edits.hooks:
        if hook.hook_name not in HOOKS:
            raise ValueError(f"invalid hook name {hook.hook_name!r}")
        if not hook.path.startswith("/"):
            raise ValueError(f'invalid hook "{hook.hook_name}": its path is {hook.path!r}')
        for text in hook.env:
            if "=" not in text[1:]:
                raise ValueError(f"invalid environment variable {text!r}")


def _needed_versions(spec: Spec) -> Iterator[tuple[int, ...]]:
    """The version since which each thing that the description uses is specified."""
    yield VERSIONS[0]
    if spec.annotations or "." in spec.kind.partition("/")[2]:
        yield (0, 6, 0)
    for edits in (spec.container_edits, *(device.container_edits for device in spec.devices)):
        if any(mount.type for mount in edits.mounts):
            yield (0, 4, 0)
        if any(node.host_path for node in edits.device_nodes):
            yield (0, 5, 0)
        if edits.additional_gids or edits.intel_rdt is not None:
            yield (0, 7, 0)
        if edits.net_devices:
            yield (1, 1, 0)
    for device in spec.devices:
        if device.annotations:
            yield (0, 6, 0)
        if device.name[0].isdecimal():
            yield (0, 5, 0)
