"""The mounts that a container's user asked for, as the OCI runtime is told of them. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from wharf.engine.containers import mounts
from wharf.engine.containers.record import Container
from wharf.errors import NotImplementedByUs
from wharf.runtime.bundle import Mount


def user_mounts(
    container: Container,
    sources: Mapping[str, str],
    *,
    restrictions: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    files: frozenset[str] = frozenset(),
    recursive_read_only: bool = False,
) -> list[Mount]:
    """Binds, volumes, images and tmpfs of the record, parents first.

    `sources` are, by mount point, the paths that differ from those of the record, `restrictions` what their mounts on
    the host do not allow. Below `files` nothing can be.
    Raises NotImplementedByUs for a promise that this kernel cannot keep.
    """
    found = [
        Mount(request.target, "tmpfs", "tmpfs", request.options)
        for request in mounts.requests_of(container.host)
        if request.kind == "tmpfs"
    ]
    for point in container.mounts:
        if point.type == "tmpfs":
            continue
        detail = container.detail(point.destination)
        if detail.depth == "all" and not recursive_read_only:
            raise NotImplementedByUs(
                f"{point.destination} cannot be read-only with all that is mounted below: this needs Linux 5.12"
            )
        whole = recursive_read_only and detail.depth != "top"
        # Nothing is mounted below a file, and crun takes "rro" to speak of a directory.
        whole = whole and point.source not in files
        # crun mounts a bind anew with what it is told, and nothing else: what the host does not allow, it would.
        kept = restrictions.get(point.destination, ())
        access = ("rw",) if point.rw and "ro" not in kept else ("rro",) if whole and not point.rw else ("ro",)
        others = (option for option in kept if option != "ro")
        options = ("rbind" if detail.recursive else "bind", *access, *others, point.propagation or "rprivate")
        found.append(Mount(point.destination, "bind", sources.get(point.destination, point.source), options))
    return sorted(found, key=lambda mount: mount.destination.count("/"))


def root_propagation(container: Container) -> str:
    """A bind that shares mounts with the host needs a root that does."""
    wanted = {point.propagation for point in container.mounts}
    if wanted & {"shared", "rshared"}:
        return "shared"
    return "rslave" if wanted & {"slave", "rslave"} else ""
