"""Chooses the driver."""

from pathlib import Path

from wharf.db.database import Database
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.extraction import Limits
from wharf.snapshots.layered import LayeredSnapshots
from wharf.snapshots.layers import Layers
from wharf.snapshots.overlayfs import OverlaySnapshots
from wharf.snapshots.vfs import VfsSnapshots


async def open_snapshots(
    db: Database, data_root: Path, driver: str = "", limits: Limits | None = None
) -> LayeredSnapshots:
    """The driver of that name ("overlay2", "vfs"), or the best that works here. The caller closes it.

    Raises InvalidArgument for another name, EngineError when the named one does not work.
    """
    if driver not in ("", "overlay", "overlay2", "vfs"):
        raise InvalidArgument(f"unknown storage driver {driver!r}: overlay2 and vfs are known")
    layers = Layers(db, data_root / "overlay2", limits)
    snapshots: LayeredSnapshots = VfsSnapshots(layers) if driver == "vfs" else OverlaySnapshots(layers)
    try:
        await snapshots.open()
    except EngineError:
        if driver:
            raise
        snapshots = VfsSnapshots(layers)
        await snapshots.open()
    return snapshots
