"""The engine: opens all services in the order in which they need one another, and closes them the other way round."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from wharf.db.database import Database
from wharf.distribution.config import RegistryConfig
from wharf.engine.config import EngineConfig
from wharf.engine.containers.reconciling import Reconciler
from wharf.engine.containers.record import Container
from wharf.engine.containers.service import Containers
from wharf.engine.containers.starting import Places, Starter
from wharf.engine.containers.store import ContainerStore
from wharf.engine.containers.surroundings import Host
from wharf.engine.exec.health_checks import HealthChecks
from wharf.engine.exec.service import Execs
from wharf.engine.images.images import Images
from wharf.engine.networks.connecting import Connections
from wharf.engine.networks.sandboxes import Sandboxes
from wharf.engine.networks.service import Networks
from wharf.engine.system.system import System
from wharf.engine.volumes import Volumes
from wharf.events.bus import Bus
from wharf.network.kernel import Kernel
from wharf.runtime.monitor import ShimMonitors
from wharf.runtime.programs import runtimes
from wharf.snapshots.opening import open_snapshots

log = logging.getLogger(__name__)

#: As Docker's directories. Containers' users need no more: they see what root has mounted for them.
PRIVATE: Final = 0o710


@dataclass(frozen=True, slots=True)
class Engine:
    """All services. `async with Engine.opened(config) as engine` is the way to have one."""

    config: EngineConfig
    events: Bus
    images: Images
    containers: Containers
    execs: Execs
    networks: Networks
    connections: Connections
    volumes: Volumes
    system: System

    @staticmethod
    @asynccontextmanager
    async def opened(config: EngineConfig, monitors: ShimMonitors | None = None) -> AsyncIterator["Engine"]:
        """Opens everything, adopts what an earlier engine left running, and closes it all at the end.

        `monitors` may be given by who started the spawner earlier. Without live restore, closing stops all containers.
        """
        async with AsyncExitStack() as stack:
            engine, again, reconciler = await _open(config, monitors, stack)
            background = asyncio.create_task(reconciler.start_again(again), name="start again")
            try:
                yield engine
            finally:
                background.cancel()
                if not config.live_restore:
                    await engine.containers.stop_all(config.shutdown_timeout)


def default_runtime(config: EngineConfig) -> str:
    """The runtime of containers that name none: the configured one, else the first that is installed."""
    if config.default_runtime:
        return config.default_runtime
    return next(iter(runtimes()), "crun")


async def _open(
    config: EngineConfig, monitors: ShimMonitors | None, stack: AsyncExitStack
) -> tuple[Engine, list[Container], Reconciler]:
    places = Places(config.data_root, config.exec_root)
    config.exec_root.mkdir(parents=True, exist_ok=True, mode=0o711)  # it may hold sockets, which have their own modes
    for directory in (config.data_root, config.data_root / "containers", places.bundles):
        directory.mkdir(parents=True, exist_ok=True)
        # Programs in images may be setuid: who is not root comes to none, also where an earlier version was laxer.
        directory.chmod(PRIVATE)
    if monitors is None:
        monitors = ShimMonitors()
    stack.push_async_callback(monitors.close)
    db = Database(config.data_root / "wharf.db")
    stack.callback(db.close)
    events = Bus()
    snapshots = await open_snapshots(db, config.data_root, config.storage_driver)
    stack.push_async_callback(snapshots.close)
    store = ContainerStore(db)
    images = Images(db, config.data_root, snapshots, events, _registries(config), store.users_of_image)
    await images.open()
    stack.push_async_callback(images.close)
    for container in store:
        if (layers := images.layers_of(container.image)) is not None:
            snapshots.restore(container.id, layers)
    volumes = Volumes(db, config.data_root / "volumes", events)
    kernel = Kernel()
    stack.callback(kernel.close)
    networks = Networks(db, config.bridge, kernel, store, events)
    await networks.open()
    stack.push_async_callback(networks.close)
    sandboxes = Sandboxes(config, networks, kernel, store)
    stack.callback(sandboxes.close)
    starter = Starter(
        config=config,
        places=places,
        store=store,
        snapshots=snapshots,
        sandboxes=sandboxes,
        monitors=monitors,
        volumes=volumes,
        host=Host.read(config, snapshots),
        default_runtime=default_runtime(config),
    )
    containers = Containers(
        config=config,
        places=places,
        store=store,
        images=images,
        snapshots=snapshots,
        networks=networks,
        volumes=volumes,
        starter=starter,
        events=events,
    )
    stack.push_async_callback(containers.lives.close)
    execs = Execs(containers.lives)
    stack.push_async_callback(execs.close)
    checks = HealthChecks(execs)
    stack.push_async_callback(checks.close)
    containers.lives.began = checks.began
    volumes.users = store.users_of_volume
    reconciler = Reconciler(store, containers, monitors, sandboxes, places)
    again = await reconciler.run()
    engine = Engine(
        config=config,
        events=events,
        images=images,
        containers=containers,
        execs=execs,
        networks=networks,
        connections=Connections(store, containers.lives, starter),
        volumes=volumes,
        system=System(config, snapshots, images, containers, volumes, events, default_runtime(config)),
    )
    return engine, again, reconciler


def _registries(config: EngineConfig) -> RegistryConfig:
    settings = config.registry
    return RegistryConfig(
        mirrors=settings.mirrors, insecure=settings.insecure, max_concurrent_downloads=settings.max_downloads
    )
