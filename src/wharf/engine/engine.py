"""The engine: opens all services in the order in which they need one another, and closes them the other way round."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from wharf.distribution.config import RegistryConfig
from wharf.engine.config import EngineConfig
from wharf.engine.containers import writable_layers
from wharf.engine.containers.mounting import Mounting
from wharf.engine.containers.reconciling import Reconciler
from wharf.engine.containers.record import Container
from wharf.engine.containers.service import Containers
from wharf.engine.containers.sources import Sources
from wharf.engine.containers.starting import Starter
from wharf.engine.containers.surroundings import Host
from wharf.engine.ending import Ending
from wharf.engine.exec.health_checks import HealthChecks
from wharf.engine.exec.service import Execs
from wharf.engine.images.images import Images
from wharf.engine.networks.checks import NetworkChecks
from wharf.engine.networks.connecting import Connections
from wharf.engine.networks.leases import Leases
from wharf.engine.networks.sandboxes import Sandboxes
from wharf.engine.networks.service import Networks
from wharf.engine.plugins.files import PluginFiles
from wharf.engine.plugins.record import PluginPlaces
from wharf.engine.plugins.running import RunningPlugins
from wharf.engine.plugins.service import ManagedPlugins
from wharf.engine.plugins.starting import PluginStarter
from wharf.engine.plugins.store import PluginStore
from wharf.engine.primitives import Primitives, open_primitives
from wharf.engine.system.system import System
from wharf.engine.tasks import Tasks
from wharf.engine.userns.opening import open_user_namespaces
from wharf.engine.userns.service import UserNamespaces
from wharf.engine.volumes import Volumes
from wharf.engine.volumes.transfer import Transfers
from wharf.events.bus import Bus
from wharf.plugins.registry import Plugins
from wharf.runtime.monitor import ShimMonitors
from wharf.runtime.programs import runtimes

log = logging.getLogger(__name__)


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
    network_checks: NetworkChecks
    volumes: Volumes
    transfers: Transfers
    plugins: ManagedPlugins
    system: System
    ending: Ending

    @staticmethod
    @asynccontextmanager
    async def opened(config: EngineConfig, monitors: ShimMonitors | None = None) -> AsyncIterator["Engine"]:
        """Opens everything, adopts what an earlier engine left running, and closes it all at the end.

        `monitors` may be given by who started the spawner earlier. Containers are stopped at the end unless
        `ending` says that they go on.
        """
        async with AsyncExitStack() as stack:
            engine, again, reconciler = await _open(config, monitors, stack)
            background = Tasks("not all that an earlier engine left is as it was")
            background.begin(reconciler.take_up(), "take up networks")
            background.begin(reconciler.start_again(again), "start again")
            try:
                yield engine
            finally:
                await background.close()
                reconciler.let_go()
                if not engine.ending.live_restore:
                    await engine.containers.stop_all(config.shutdown_timeout)


def default_runtime(config: EngineConfig) -> str:
    """The runtime of containers that name none: the configured one, else the first that is installed."""
    if config.default_runtime:
        return config.default_runtime
    return next(iter(runtimes()), "crun")


async def _open(
    config: EngineConfig, monitors: ShimMonitors | None, stack: AsyncExitStack
) -> tuple[Engine, list[Container], Reconciler]:
    rooms = await open_primitives(config, monitors, stack)
    images = await _open_images(config, rooms, stack)
    networks = Networks(rooms.db, config, rooms.kernel, rooms.store, rooms.events)
    await networks.open()
    stack.push_async_callback(networks.close)
    sandboxes = Sandboxes(config, networks, rooms.kernel, rooms.store, rooms.places.bundle)
    stack.callback(sandboxes.resolvers.close_all)
    volumes = Volumes(rooms.db, config.data_root / "volumes", rooms.events, Plugins(config.plugins))
    stack.callback(volumes.close)
    volumes.users = rooms.store.users_of_volume
    userns = await open_user_namespaces(config, rooms.store, rooms.snapshots)
    containers = _open_containers(config, rooms, images, networks, sandboxes, volumes, userns, stack)
    execs = _open_execs(containers, stack)
    stack.push_async_callback(Leases(containers.lives, containers.lives.starter).close)
    reconciler = Reconciler(rooms.store, containers, rooms.monitors, sandboxes, rooms.places)
    again = await reconciler.run()
    ending = Ending(config.live_restore)
    plugins = await _open_plugins(config, rooms, containers.lives.starter, volumes, ending, stack)
    volumes.settle(rooms.store.runs)
    engine = Engine(
        config=config,
        events=rooms.events,
        images=images,
        containers=containers,
        execs=execs,
        networks=networks,
        connections=Connections(rooms.store, containers.lives, containers.lives.starter),
        network_checks=NetworkChecks(rooms.store, networks, rooms.kernel),
        volumes=volumes,
        transfers=Transfers(volumes),
        plugins=plugins,
        system=System(
            config,
            rooms.snapshots,
            images,
            containers,
            volumes,
            rooms.events,
            containers.lives.starter.default_runtime,
            remaps_users=userns.default is not None,
        ),
        ending=ending,
    )
    return engine, again, reconciler


async def _open_images(config: EngineConfig, rooms: Primitives, stack: AsyncExitStack) -> Images:
    """Images, and what each container stands on."""
    registries = _registries(config)
    images = Images(rooms.db, config.data_root, rooms.snapshots, rooms.events, registries, rooms.store.users_of_image)
    await images.open()
    stack.push_async_callback(images.close)
    await writable_layers.restore(rooms.store, rooms.snapshots, images.layers_of, config.storage_size)
    return images


def _open_containers(
    config: EngineConfig,
    rooms: Primitives,
    images: Images,
    networks: Networks,
    sandboxes: Sandboxes,
    volumes: Volumes,
    userns: UserNamespaces,
    stack: AsyncExitStack,
) -> Containers:
    starter = Starter(
        config=config,
        places=rooms.places,
        store=rooms.store,
        snapshots=rooms.snapshots,
        sandboxes=sandboxes,
        monitors=rooms.monitors,
        volumes=volumes,
        mounting=Mounting(rooms.store, rooms.snapshots, volumes, images.get),
        sources=Sources(rooms.snapshots, volumes, _plugin_places(config).root),
        host=Host.read(config, rooms.snapshots),
        userns=userns,
        default_runtime=default_runtime(config),
    )
    containers = Containers(
        config=config,
        places=rooms.places,
        store=rooms.store,
        images=images,
        snapshots=rooms.snapshots,
        networks=networks,
        volumes=volumes,
        starter=starter,
        events=rooms.events,
    )
    stack.push_async_callback(containers.lives.close)
    return containers


def _plugin_places(config: EngineConfig) -> PluginPlaces:
    return PluginPlaces(config.data_root / "plugins", config.exec_root / "plugins")


async def _open_plugins(
    config: EngineConfig,
    rooms: Primitives,
    starter: Starter,
    volumes: Volumes,
    ending: Ending,
    stack: AsyncExitStack,
) -> ManagedPlugins:
    """Managed plugins, which bring drivers to the volumes, and are run as containers are."""
    places = _plugin_places(config)
    store = PluginStore(rooms.db)
    running = RunningPlugins(
        starter=PluginStarter(
            places=places,
            monitors=rooms.monitors,
            host=starter.host,
            runtime=config.runtimes[starter.default_runtime],
            aside=volumes.drivers.aside,
            mounted=volumes.mounted_paths,
        ),
        store=store,
        is_driver=volumes.uses_driver,
        ending=ending,
    )
    plugins = ManagedPlugins(store, PluginFiles(places), running, rooms.events, _registries(config))
    stack.push_async_callback(plugins.close)
    await plugins.open()
    volumes.drivers.plugins.managed = running
    return plugins


def _open_execs(containers: Containers, stack: AsyncExitStack) -> Execs:
    """Execs, and the health checks, which are execs."""
    execs = Execs(containers.lives)
    stack.push_async_callback(execs.close)
    checks = HealthChecks(execs, containers.stops)
    stack.push_async_callback(checks.close)
    containers.lives.began = checks.began
    return execs


def _registries(config: EngineConfig) -> RegistryConfig:
    settings = config.registry
    return RegistryConfig(
        mirrors=settings.mirrors, insecure=settings.insecure, max_concurrent_downloads=settings.max_downloads
    )
