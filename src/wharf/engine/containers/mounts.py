"""What a container mounts: binds, tmpfs and volumes of a request as one list of values. Pure."""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from wharf.apitypes.containers import ContainerConfig, HostConfig, Mount
from wharf.errors import InvalidArgument, NotImplementedByUs

PROPAGATIONS: Final = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_BIND_MODES: Final = {"rw", "ro", "z", "Z", "nocopy", "consistent", "cached", "delegated", *PROPAGATIONS}
#: The mode of a read-only bind below which what is mounted stays as it is.
READ_ONLY_TOP: Final = "read-only-non-recursive"
_TMPFS_DEFAULTS: Final = ("nosuid", "nodev", "noexec")


@dataclass(frozen=True, slots=True)
class MountRequest:
    """One mount below the container's root."""

    kind: Literal["bind", "volume", "tmpfs"]
    source: str  # host path for a bind, name for a volume ("" is anonymous), "" for tmpfs
    target: str
    read_only: bool = False
    propagation: str = "rprivate"  # binds
    recursive: bool = True  # binds
    create_source: bool = False  # binds: a missing directory is made, as -v does and --mount does not
    copy: bool = True  # volumes: filled with what the image has there when it is empty
    options: tuple[str, ...] = ()  # tmpfs: mount options
    mode: str = ""  # as inspect shows it
    labels: dict[str, str] = field(default_factory=dict)


def _target(text: str, kind: str) -> str:
    wrong = f'invalid mount config for type "{kind}"'
    if not text.startswith("/"):
        raise InvalidArgument(f"{wrong}: invalid mount path: '{text}' mount path must be absolute")
    path = posixpath.normpath(text).replace("//", "/")
    if path == "/":
        raise InvalidArgument(f"{wrong}: invalid specification: destination can't be '/'")
    return path


def _from_bind(text: str) -> MountRequest:
    """`source:target[:modes]`; a source without a slash names a volume."""
    try:
        return _parse_bind(text)
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid volume specification: '{text}': {error}") from None


def _parse_bind(text: str) -> MountRequest:
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise InvalidArgument("it is source:target[:mode]")
    if len(parts) == 1:
        return MountRequest("volume", "", _target(parts[0], "volume"))
    source = parts[0]
    target = _target(parts[1], "bind" if source.startswith("/") else "volume")
    modes = parts[2].split(",") if len(parts) == 3 else []
    if unknown := [mode for mode in modes if mode not in _BIND_MODES]:
        raise InvalidArgument(f"invalid mode: {','.join(unknown)}")
    if "ro" in modes and "rw" in modes:
        raise InvalidArgument(f"invalid mode: {parts[2]}")
    if not source.startswith("/"):
        return MountRequest(
            "volume",
            source,
            target,
            read_only="ro" in modes,
            copy="nocopy" not in modes,
            mode=parts[2] if modes else "z",
        )
    return MountRequest(
        "bind",
        posixpath.normpath(source),
        target,
        read_only="ro" in modes,
        propagation=next((mode for mode in modes if mode in PROPAGATIONS), "rprivate"),
        create_source=True,
        mode=parts[2] if modes else "",
    )


def _from_mount(mount: Mount) -> MountRequest:
    """One `--mount`."""
    target = _target(mount.target, mount.type)
    match mount.type:
        case "bind":
            if not mount.source.startswith("/"):
                raise InvalidArgument(
                    'invalid mount config for type "bind": invalid mount path: '
                    f"'{mount.source}' mount path must be absolute"
                )
            options = mount.bind_options
            if options and options.read_only_force_recursive:
                raise NotImplementedByUs("binds that are read-only with all that is mounted below are not supported")
            propagation = (options.propagation if options else "") or "rprivate"
            if propagation not in PROPAGATIONS:
                raise InvalidArgument(f'invalid mount config for type "bind": invalid propagation mode: {propagation}')
            return MountRequest(
                "bind",
                posixpath.normpath(mount.source),
                target,
                read_only=mount.read_only,
                propagation=propagation,
                recursive=not (options and options.non_recursive),
                create_source=bool(options and options.create_mountpoint),
                mode=READ_ONLY_TOP if options and options.read_only_non_recursive else "",
            )
        case "volume":
            volume = mount.volume_options
            if volume and volume.subpath:
                raise NotImplementedByUs("volume subpaths are not supported")
            if volume and volume.driver_config and volume.driver_config.name not in ("", "local"):
                raise NotImplementedByUs(f"volume driver {volume.driver_config.name} is not supported")
            return MountRequest(
                "volume",
                mount.source,
                target,
                read_only=mount.read_only,
                copy=not (volume and volume.no_copy),
                mode="z",
                labels=dict(volume.labels) if volume else {},
            )
        case "tmpfs":
            if mount.source:
                raise InvalidArgument('invalid mount config for type "tmpfs": field Source must not be specified')
            chosen = list(_TMPFS_DEFAULTS)
            if mount.tmpfs_options and mount.tmpfs_options.size_bytes:
                chosen.append(f"size={mount.tmpfs_options.size_bytes}")
            if mount.tmpfs_options and mount.tmpfs_options.mode:
                chosen.append(f"mode={mount.tmpfs_options.mode:o}")
            if mount.read_only:
                chosen.append("ro")
            return MountRequest("tmpfs", "", target, read_only=mount.read_only, options=tuple(chosen))
        case "image" | "npipe" | "cluster":
            raise NotImplementedByUs(f"mounts of type {mount.type} are not supported")
    raise InvalidArgument(f"invalid mount config: mount type unknown: {mount.type!r}")


def _from_tmpfs(target: str, options: str) -> MountRequest:
    """One `--tmpfs target:options`."""
    chosen = [option for option in options.split(",") if option]
    opposite = {"nosuid": "suid", "nodev": "dev", "noexec": "exec"}
    chosen += [flag for flag in _TMPFS_DEFAULTS if flag not in chosen and opposite[flag] not in chosen]
    return MountRequest("tmpfs", "", _target(target, "tmpfs"), read_only="ro" in chosen, options=tuple(chosen))


def requests_of(host: HostConfig) -> list[MountRequest]:
    """The mounts that the request names itself, in its order. Raises InvalidArgument for doubles."""
    found: dict[str, MountRequest] = {}

    def add(request: MountRequest) -> None:
        if request.target in found:
            raise InvalidArgument(f"Duplicate mount point: {request.target}")
        found[request.target] = request

    for text in host.binds:
        add(_from_bind(text))
    for mount in host.mounts:
        add(_from_mount(mount))
    for target, options in host.tmpfs.items():
        add(_from_tmpfs(target, options))
    return list(found.values())


def requests(config: ContainerConfig, host: HostConfig) -> list[MountRequest]:
    """All mounts of a container, parents before what lies below them."""
    found = {request.target: request for request in requests_of(host)}
    for text in config.volumes:
        # The image's VOLUME gives way to whatever the user mounts at the same place.
        target = _target(text, "volume")
        found.setdefault(target, MountRequest("volume", "", target))
    return sorted(found.values(), key=lambda request: request.target.count("/"))


def volumes_from(texts: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Container and read-only flag of each `--volumes-from container[:ro|rw]`."""
    for text in texts:
        name, _, mode = text.partition(":")
        if mode not in ("", "rw", "ro", "z", "Z"):
            raise InvalidArgument(f"invalid mode for volumes-from: {mode}")
        yield name, mode == "ro"
