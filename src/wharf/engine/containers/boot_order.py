"""In which order a starting daemon starts containers again. Pure."""

from collections.abc import Callable, Iterator, Sequence

from wharf.engine.containers import mounts, sharing
from wharf.engine.containers.record import Container


def needed(container: Container) -> Iterator[str]:
    """Whom a container refers to, by name or id: whose namespaces or volumes it shares, to whom it is linked."""
    host = container.host
    for mode in (host.network_mode, host.pid_mode, host.ipc_mode):
        if name := sharing.donor(mode):
            yield name
    yield from (name for name, _ in mounts.volumes_from(host.volumes_from))
    links = [*host.links]
    for endpoint in container.networking.endpoints_config.values():
        links += endpoint.links or ()
    yield from (link.partition(":")[0] for link in links)


def waves(containers: Sequence[Container], search: Callable[[str], Container | None]) -> Iterator[Sequence[Container]]:
    """Containers that can start at the same time, then those that need one of them, and so on.

    `search` finds a container by what another calls it. Those that need one another come together, at last.
    """
    waiting = {container.id: container for container in containers}
    needs = {
        container.id: {other.id for name in needed(container) if (other := search(name)) is not None} - {container.id}
        for container in containers
    }
    while waiting:
        ready = [one for id, one in waiting.items() if not any(other in waiting for other in needs[id])]
        wave = ready or list(waiting.values())
        yield wave
        for one in wave:
            del waiting[one.id]
