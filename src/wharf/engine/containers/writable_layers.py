"""The writable layers of containers when the engine starts: a power cut may have taken what was made last."""

import logging
from collections.abc import Callable, Sequence

from wharf.engine.containers import storage
from wharf.engine.containers.record import Container, Status
from wharf.engine.containers.store import ContainerStore
from wharf.errors import EngineError
from wharf.snapshots.driver import Driver
from wharf.spec.digest import Digest

log = logging.getLogger(__name__)


async def restore(
    store: ContainerStore,
    snapshots: Driver,
    layers_of: Callable[[str], Sequence[Digest] | None],
    default_size: int,
) -> None:
    """Makes the layers agree with the records.

    `layers_of` gives the layers of an image by its id, None for one that is gone; `default_size` is the limit of those
    who asked for none.
    """
    present = set(snapshots.containers())
    for container in store:
        layers = layers_of(container.image)
        if layers is None or container.status in (Status.REMOVING, Status.DEAD):
            continue
        if container.id in present:
            snapshots.restore(container.id, layers)
        else:
            await _make_again(container, snapshots, layers, default_size)
    owned = {snapshot for container in store for snapshot in container.snapshots}
    for orphan in present - owned:
        await snapshots.remove(orphan)  # of a creation that was cut off


async def _make_again(container: Container, snapshots: Driver, layers: Sequence[Digest], default_size: int) -> None:
    """The record was on the disk before the layer: the container is as it was when it was created."""
    log.warning("the writable layer of a container was lost, it gets a new one", extra={"container": container.id})
    size = storage.bytes_of(storage.size_asked(container.host.storage_opt) or "0") or default_size
    try:
        await snapshots.create(container.id, layers, size=size)
    except EngineError as error:
        log.warning("it gets none", extra={"container": container.id, "reason": str(error)})
