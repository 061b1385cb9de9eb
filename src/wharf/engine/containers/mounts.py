"""What a container mounts: all mounts of a request as one list of values. Pure.

How each is written: bind_specs (`-v`), mount_specs (`--mount`), tmpfs (`--tmpfs`).
"""

from collections.abc import Iterator, Sequence

from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.engine.containers import bind_specs, idmaps, mount_specs, tmpfs
from wharf.engine.containers.mount_request import MountRequest, target_of
from wharf.errors import InvalidArgument


def requests_of(host: HostConfig) -> list[MountRequest]:
    """The mounts that the request names itself, in its order. Raises InvalidArgument for doubles."""
    found: dict[str, MountRequest] = {}

    def add(request: MountRequest) -> None:
        if request.target in found:
            raise InvalidArgument(f"Duplicate mount point: {request.target}")
        found[request.target] = request

    for text in host.binds:
        add(bind_specs.read(text, host.volume_driver))
    for mount in host.mounts:
        add(mount_specs.read(mount))
    for target, options in host.tmpfs.items():
        add(tmpfs.read(target, options))
    return list(found.values())


def requests(config: ContainerConfig, host: HostConfig) -> list[MountRequest]:
    """All mounts of a container, parents before what lies below them. Raises InvalidArgument."""
    found = {request.target: request for request in requests_of(host)}
    for target, text in idmaps.by_target(host.idmaps).items():
        idmaps.parse(text)
        if target not in found or found[target].kind != "bind":
            raise InvalidArgument(f"invalid idmap of {target}: nothing is bound there from the host")
    for text in config.volumes:
        # The image's VOLUME gives way to whatever the user mounts at the same place.
        target = target_of(text)
        found.setdefault(target, MountRequest("volume", "", target, driver=host.volume_driver))
    return sorted(found.values(), key=lambda request: request.target.count("/"))


def volumes_from(texts: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Container and read-only flag of each `--volumes-from container[:ro|rw]`. Raises InvalidArgument."""
    for text in texts:
        if not text:
            raise InvalidArgument("volumes-from specification cannot be an empty string")
        name, _, mode = text.partition(":")
        words = mode.split(",") if mode else []
        if len(words) > 2 or not set(words) <= {"rw", "ro", "z", "Z", "nocopy"} or len(set(words) & {"rw", "ro"}) > 1:
            raise InvalidArgument(f"invalid mode: {mode}")
        yield name, "ro" in words
