"""Chooses the driver."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from wharf.db.database import Database
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.btrfs import BtrfsSnapshots
from wharf.snapshots.driver import Driver
from wharf.snapshots.extraction import Limits
from wharf.snapshots.layers import DRIVER_FILE, Layers
from wharf.snapshots.overlayfs import OverlaySnapshots
from wharf.snapshots.vfs import VfsSnapshots

#: By name, the best first: the order in which they are tried when nobody says which one.
DRIVERS: Final[Mapping[str, type[Driver]]] = {
    "overlay2": OverlaySnapshots,
    "btrfs": BtrfsSnapshots,
    "vfs": VfsSnapshots,
}


async def open_snapshots(db: Database, data_root: Path, driver: str = "", limits: Limits | None = None) -> Driver:
    """The driver of that name ("overlay2", "btrfs", "vfs"), else the one that was used last, else the best that works.

    The caller closes it. Raises InvalidArgument for another name, EngineError when the named one, or that of last time,
    does not work.
    """
    if driver not in ("", "overlay", *DRIVERS):
        raise InvalidArgument(f"unknown storage driver {driver!r}: {', '.join(DRIVERS)} are known")
    root = data_root / "overlay2"
    layers = Layers(db, root, limits)
    last = _used_last(root)
    chosen = "overlay2" if driver == "overlay" else driver or last
    if chosen:
        opened = DRIVERS[chosen](layers)
        await opened.open()
    else:
        opened = await _open_best(layers, data_root)
    if opened.name != last:
        _note(root, opened.name)
    return opened


async def _open_best(layers: Layers, data_root: Path) -> Driver:
    for kind in DRIVERS.values():
        opened = kind(layers)
        with suppress(EngineError):
            await opened.open()
            return opened
    raise EngineError(f"no storage driver works on {data_root}")


def _note(root: Path, name: str) -> None:
    """Flushed, but only when it changes."""
    with (root / DRIVER_FILE).open("w") as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())


def _used_last(root: Path) -> str:
    """The name of that driver; "" when nobody knows."""
    try:
        name = (root / DRIVER_FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return name if name in DRIVERS else ""
