"""The user namespace that a start makes or enters."""

from collections.abc import Callable, Iterable
from pathlib import Path

from wharf.engine.containers.record import Container
from wharf.engine.userns.service import UserNamespaces, joined_containers
from wharf.errors import Conflict
from wharf.runtime.contract import UserNamespace


def entered(
    userns: UserNamespaces, container: Container, own: Iterable[str], opened: Callable[[str], str]
) -> UserNamespace | None:
    """None for a container without one. Raises Conflict when those that it shares namespaces with have different ones.

    `own` are the paths that no user of the host owns: there a container sees the owners that are on disk, and elsewhere
    the host's. `opened` gives the path of a running container's user namespace.
    """
    mapping = userns.of(container)
    if mapping is None:
        return None
    userns.check(container.host)  # what the daemon gives may have changed since the container was made
    mapped = outermost(own)
    other = userns.shared_with(container)
    if other is None:
        return UserNamespace(mapping, mapped=mapped)
    shared, path = userns.of(other), opened(other.id)
    if shared is None:
        raise Conflict(f"cannot join the namespaces of container {other.id}: it has no user namespace to share")
    for ref in joined_containers(container.host):
        if Path(opened(ref)).stat().st_ino != Path(path).stat().st_ino:
            raise Conflict(f"cannot join the namespaces of container {ref}: they belong to another user namespace")
    return UserNamespace(shared, path, mapped)


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that lie below none of the others."""
    found: list[str] = []
    for path in sorted(paths, key=len):
        if not any(path == one or path.startswith(f"{one}/") for one in found):
            found.append(path)
    return tuple(found)
