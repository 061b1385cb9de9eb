"""What -v, --mount and --tmpfs mean. Pure, but that a relative path is taken from the working directory."""

import os

from wharf.cli.commands.container.kinds import read_bytes, split_fields
from wharf.cli.flags import Kind
from wharf.errors import InvalidArgument
from wharf.spec.booleans import parse_bool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TARGETS = ("target", "dst", "destination")
SWITCHES = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "idmap")
IDMAP = "Idmap"  # no member of the API's mounts: see idmaps()
RECURSIVE = {
    "enabled": {},
    "disabled": {"NonRecursive": True},
    "writable": {"ReadOnlyNonRecursive": True},
    "readonly": {"ReadOnlyForceRecursive": True},
}


def read_volume(text: str) -> "tuple[str, bool]":
    """The text of `-v` for the API, and whether it is an anonymous volume (a path in the container alone)."""
    if not text:
        raise InvalidArgument("invalid empty volume spec")
    parts = text.split(":")
    if len(parts) == 1:
        return text, True
    if "" in parts:
        raise InvalidArgument(f"invalid spec: {text}: empty section between colons")
    if len(parts) > 3 and text.startswith(("/", ".", "~")):
        raise InvalidArgument(f"invalid spec: {text}: too many colons")
    if parts[0].startswith((".", "~")):
        parts[0] = os.path.abspath(os.path.expanduser(parts[0]))  # noqa: PTH100, PTH111
    return ":".join(parts), False


def read_mount(text: str) -> "dict[str, Any]":
    """A mount of the API from `--mount`'s fields. Raises ValueError."""
    mount: dict[str, Any] = {"Type": "volume"}
    for field in split_fields(text):
        name, separator, value = field.partition("=")
        name = name.lower()
        if not separator and name not in SWITCHES:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        _set(mount, name, value, field, given=bool(separator))
    if not mount.get("Target"):
        raise ValueError("target is required")
    kind = mount["Type"]
    for other in ("Bind", "Volume", "Tmpfs", "Image"):
        if f"{other}Options" in mount and other.lower() != kind:
            raise ValueError(f"cannot mix '{other.lower()}-*' options with mount type '{kind}'")
    recursion = mount.get("BindOptions", {})
    if recursion.get("ReadOnlyForceRecursive") or recursion.get("ReadOnlyNonRecursive"):
        _check_recursion(mount, recursion)
    return mount


def _check_recursion(mount: "dict[str, Any]", options: "dict[str, Any]") -> None:
    mode = "readonly" if options.get("ReadOnlyForceRecursive") else "writable"
    if not mount.get("ReadOnly"):
        raise ValueError(f"option 'bind-recursive={mode}' requires 'readonly' to be specified in conjunction")
    if mode == "readonly" and options.get("Propagation") != "rprivate":
        raise ValueError(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"
        )


def _set(mount: "dict[str, Any]", name: str, value: str, field: str, *, given: bool) -> None:
    volume, bind = ("VolumeOptions", "BindOptions")
    if name == "type":
        mount["Type"] = value.lower()
    elif name in ("source", "src"):
        mount["Source"] = os.path.abspath(value) if value.startswith(".") else value  # noqa: PTH100
    elif name in TARGETS:
        mount["Target"] = value
    elif name in ("readonly", "ro"):
        mount["ReadOnly"] = _switch(name, value, given)
    elif name == "consistency":
        mount["Consistency"] = value.lower()
    elif name == "bind-propagation":
        mount.setdefault(bind, {})["Propagation"] = value.lower()
    elif name == "bind-nonrecursive":
        mount.setdefault(bind, {})["NonRecursive"] = _switch(name, value, given)
    elif name == "bind-recursive":
        if value not in RECURSIVE:
            raise ValueError(
                f'invalid value for {name}: {value} (must be "enabled", "disabled", "writable", or "readonly")'
            )
        mount.setdefault(bind, {}).update(RECURSIVE[value])
    elif name == "volume-subpath":
        mount.setdefault(volume, {})["Subpath"] = value
    elif name == "volume-nocopy":
        mount.setdefault(volume, {})["NoCopy"] = _switch(name, value, given)
    elif name == "volume-label":
        label, _, text = value.partition("=")
        mount.setdefault(volume, {}).setdefault("Labels", {})[label] = text
    elif name == "volume-driver":
        mount.setdefault(volume, {}).setdefault("DriverConfig", {})["Name"] = value
    elif name == "volume-opt":
        option, _, text = value.partition("=")
        mount.setdefault(volume, {}).setdefault("DriverConfig", {}).setdefault("Options", {})[option] = text
    elif name == "image-subpath":
        mount.setdefault("ImageOptions", {})["Subpath"] = value
    elif name == "idmap":
        mount[IDMAP] = value
    elif name == "tmpfs-size":
        mount.setdefault("TmpfsOptions", {})["SizeBytes"] = _size(name, value)
    elif name == "tmpfs-mode":
        mount.setdefault("TmpfsOptions", {})["Mode"] = _mode(name, value)
    else:
        raise ValueError(f"unexpected key '{name}' in '{field}'")


def idmaps(mounts: "list[dict[str, Any]]") -> "tuple[list[dict[str, Any]], dict[str, str]]":
    """The mounts as the API knows them, and the maps of owners of those that have one, by mount point."""
    maps = {mount["Target"]: mount[IDMAP] for mount in mounts if IDMAP in mount}
    return [{name: value for name, value in mount.items() if name != IDMAP} for mount in mounts], maps


def _switch(name: str, value: str, given: bool) -> bool:
    try:
        return parse_bool(value) if given else True
    except ValueError:
        raise ValueError(f"invalid value for {name}: {value}") from None


def _size(name: str, value: str) -> int:
    try:
        return read_bytes(value)
    except ValueError:
        raise ValueError(f"invalid value for {name}: {value}") from None


def _mode(name: str, value: str) -> int:
    try:
        return int(value, 8)
    except ValueError:
        raise ValueError(f"invalid value for {name}: {value}") from None


MOUNT = Kind("mount", read_mount, many=True)
