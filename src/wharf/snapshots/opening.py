"""Chooses the driver."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from wharf.db.database import Database
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.btrfs import BtrfsSnapshots
from wharf.snapshots.extraction import Limits
from wharf.snapshots.layered import LayeredSnapshots
from wharf.snapshots.layers import Layers
from wharf.snapshots.overlayfs import OverlaySnapshots
from wharf.snapshots.vfs import VfsSnapshots

#: By name, the best first: the order in which they are tried when nobody says which one.
DRIVERS: Final[Mapping[str, Callable[[Layers], LayeredSnapshots]]] = {
    "overlay2": OverlaySnapshots,
    "btrfs": BtrfsSnapshots,
    "vfs": VfsSnapshots,
}


async def open_snapshots(
    db: Database, data_root: Path, driver: str = "", limits: Limits | None = None
) -> LayeredSnapshots:
    """The driver of that name ("overlay2", "btrfs", "vfs"), or the best that works here. The caller closes it.

    Raises InvalidArgument for another name, EngineError when the named one does not work.
    """
    if driver not in ("", "overlay", *DRIVERS):
        raise InvalidArgument(f"unknown storage driver {driver!r}: {', '.join(DRIVERS)} are known")
    layers = Layers(db, data_root / "overlay2", limits)
    if driver:
        snapshots = DRIVERS["overlay2" if driver == "overlay" else driver](layers)
        await snapshots.open()
        return snapshots
    for kind in DRIVERS.values():
        snapshots = kind(layers)
        with suppress(EngineError):
            await snapshots.open()
            return snapshots
    raise EngineError(f"no storage driver works on {data_root}")
