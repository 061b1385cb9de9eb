"""What the services are made of: the rooms below the engine, opened for one engine."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from wharf.db.database import Database
from wharf.engine.config import EngineConfig
from wharf.engine.containers.starting import Places
from wharf.engine.containers.store import ContainerStore
from wharf.errors import EngineError
from wharf.events.bus import Bus
from wharf.network.kernel import Kernel
from wharf.runtime.monitor import ShimMonitors
from wharf.snapshots.driver import Driver
from wharf.snapshots.opening import open_snapshots

#: As Docker's directories. Containers' users need no more: they see what root has mounted for them.
PRIVATE: Final = 0o710
PASSABLE: Final = 0o711


@dataclass(frozen=True, slots=True)
class Primitives:
    """The primitives that several services share. Who opened them closes them."""

    places: Places
    db: Database
    events: Bus
    snapshots: Driver
    store: ContainerStore
    kernel: Kernel
    monitors: ShimMonitors


async def open_primitives(config: EngineConfig, monitors: ShimMonitors | None, stack: AsyncExitStack) -> Primitives:
    """Opens all of them; `stack` closes them again. `monitors` may be given by who started the spawner earlier."""
    places = _make_places(config)
    if monitors is None:
        monitors = ShimMonitors()
    stack.push_async_callback(monitors.close)
    db = Database(config.data_root / "wharf.db")
    stack.callback(db.close)
    snapshots = await open_snapshots(db, config.data_root, config.storage_driver)
    stack.push_async_callback(snapshots.close)
    if config.storage_size:
        _require_limits(snapshots)
    kernel = Kernel()
    stack.callback(kernel.close)
    return Primitives(places, db, Bus(), snapshots, ContainerStore(db), kernel, monitors)


def _require_limits(snapshots: Driver) -> None:
    try:
        snapshots.require_limits()
    except EngineError:
        raise EngineError(
            f"Storage option {snapshots.name}.size not supported. Filesystem does not support Project Quota"
        ) from None


def _make_places(config: EngineConfig) -> Places:
    places = Places.below(config.data_root, config.exec_root)
    config.exec_root.mkdir(parents=True, exist_ok=True, mode=0o711)  # it may hold sockets, which have their own modes
    for directory in (config.data_root, config.data_root / "containers"):
        directory.mkdir(parents=True, exist_ok=True)
        # Programs in images may be setuid: who is not root comes to none, also where an earlier version was laxer.
        directory.chmod(PRIVATE)
    places.bundles.mkdir(parents=True, exist_ok=True)
    # runc goes to a bundle as the container's root, who is nobody here with a user namespace. Each bundle is private.
    places.bundles.chmod(PASSABLE)
    return places
