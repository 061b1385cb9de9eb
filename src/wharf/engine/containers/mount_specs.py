"""`--mount` and HostConfig.Mounts. Pure."""

import posixpath
from typing import Final, Literal

from wharf.apitypes.containers import BindOptions, Mount, VolumeOptions
from wharf.engine.containers import tmpfs
from wharf.engine.containers.mount_request import PROPAGATIONS, Depth, MountRequest, absolute, target_of
from wharf.errors import InvalidArgument

_OPTIONS: Final = ("bind", "image", "tmpfs", "volume")  # the members <Kind>Options, each for mounts of that kind
Kind = Literal["bind", "volume", "tmpfs", "image"]


def read(mount: Mount) -> MountRequest:
    """One mount. Raises InvalidArgument in dockerd's words."""
    for kind in _OPTIONS:
        if kind != mount.type and getattr(mount, f"{kind}_options") is not None:
            words = f'invalid mount config for type "{mount.type}": field ImageOptions must not be specified'
            other = f'{kind.title()}Options must not be specified on mount type "{mount.type}"'
            raise InvalidArgument(words if kind == "image" else other)
    try:
        return _read(mount)
    except InvalidArgument as error:
        raise InvalidArgument(f'invalid mount config for type "{mount.type}": {error}') from None


def _read(mount: Mount) -> MountRequest:
    if not mount.target:
        raise InvalidArgument("field Target must not be empty")
    target = target_of(mount.target)
    match mount.type:
        case "bind":
            return _bind(mount, target, mount.bind_options or BindOptions())
        case "volume":
            return _volume(mount, target, mount.volume_options or VolumeOptions())
        case "image":
            return _image(mount, target)
        case "tmpfs":
            if mount.source:
                raise InvalidArgument("field Source must not be specified")
            options = tmpfs.of_mount(mount.tmpfs_options, read_only=mount.read_only)
            return MountRequest("tmpfs", "", target, read_only=mount.read_only, options=options)
    raise InvalidArgument("mount type unknown")


def _bind(mount: Mount, target: str, options: BindOptions) -> MountRequest:
    if not mount.source:
        raise InvalidArgument("field Source must not be empty")
    if options.propagation and options.propagation not in PROPAGATIONS:
        raise InvalidArgument(f"invalid propagation mode: {options.propagation}")
    return MountRequest(
        "bind",
        posixpath.normpath(absolute(mount.source)),
        target,
        read_only=mount.read_only,
        propagation=options.propagation,
        recursive=not options.non_recursive,
        depth=_depth(options, read_only=mount.read_only),
        create_source=options.create_mountpoint,
    )


def _depth(options: BindOptions, *, read_only: bool) -> Depth:
    """dockerd tells these conflicts at the start; nothing can come of such a container, so we tell them now."""
    conflict = "mount options conflict: {} && BindOptions.{}"
    for name, given in (
        ("ReadOnlyForceRecursive", options.read_only_force_recursive),
        ("ReadOnlyNonRecursive", options.read_only_non_recursive),
    ):
        if given and not read_only:
            raise InvalidArgument(conflict.format("!ReadOnly", name))
    if options.read_only_force_recursive and options.read_only_non_recursive:
        raise InvalidArgument(conflict.format("ReadOnlyNonRecursive", "ReadOnlyForceRecursive"))
    if options.read_only_force_recursive:
        return "all"
    return "top" if options.read_only_non_recursive or options.non_recursive else "usual"


def _volume(mount: Mount, target: str, options: VolumeOptions) -> MountRequest:
    if not mount.source and mount.read_only:
        raise InvalidArgument("must not set ReadOnly mode when using anonymous volumes")
    if not mount.source and options.subpath:
        raise InvalidArgument("must not set Subpath when using anonymous volumes")
    driver = options.driver_config
    return MountRequest(
        "volume",
        mount.source,
        target,
        read_only=mount.read_only,
        copy=not options.no_copy,
        subpath=_subpath(options.subpath),
        driver=driver.name if driver else "",
        driver_options=dict(driver.options) if driver else {},
        labels=dict(options.labels),
        mode="z" if mount.source else "",
    )


def _image(mount: Mount, target: str) -> MountRequest:
    if not mount.source:
        raise InvalidArgument("field Source must not be empty")
    subpath = mount.image_options.subpath if mount.image_options else ""
    return MountRequest("image", mount.source, target, read_only=mount.read_only, subpath=_subpath(subpath))


def _subpath(text: str) -> str:
    """A path that its words do not lead outside; what links do is seen when it is opened."""
    path = posixpath.normpath(text) if text else ""
    if path.startswith("/") or path.split("/")[0] == "..":
        raise InvalidArgument("subpath must be a relative path within the volume")
    return path
