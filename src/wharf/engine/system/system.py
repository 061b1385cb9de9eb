"""GET /info, /version and /system/df, as values."""

import asyncio
import os
import platform
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec

import wharf
from wharf.apitypes.containers import ContainerSummary
from wharf.apitypes.images import ImageSummary
from wharf.apitypes.system import (
    Component,
    DeviceInfo,
    DiskUsage,
    FirewallInfo,
    IndexInfo,
    Info,
    PluginsInfo,
    RegistryServiceConfig,
    Runtime,
    Version,
    VersionPlatform,
    VolumeSummary,
)
from wharf.engine.cdi import registry
from wharf.engine.config import EngineConfig
from wharf.engine.logs import drivers
from wharf.engine.networks.asking import DRIVERS
from wharf.engine.system import usage
from wharf.engine.system.identity import engine_id
from wharf.engine.system.warnings import device_warnings, host_warnings
from wharf.errors import InvalidArgument
from wharf.events.bus import Bus
from wharf.linux import host
from wharf.linux.cgroup_features import cgroup_features

API_VERSION: Final = "1.54"
MIN_API_VERSION: Final = "1.24"
#: Machine names of the kernel and what Docker calls them.
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
TYPES: Final = frozenset({"container", "image", "volume", "build-cache"})
NETWORK_DRIVERS: Final = tuple(sorted((*DRIVERS, "host", "null")))


class ImagesView(Protocol):
    """What info and df ask of the images."""

    async def list(
        self, filters: dict[str, list[str]], *, all: bool = False, digests: bool = False, shared_sizes: bool = False
    ) -> Sequence[ImageSummary]: ...

    def layers_size(self) -> int:
        """Bytes of all unpacked layers, each counted once."""


class ContainersView(Protocol):
    """What info and df ask of the containers."""

    def counts(self) -> dict[str, int]: ...

    async def list(
        self, filters: dict[str, list[str]], *, all: bool = False, limit: int = 0, size: bool = False
    ) -> Sequence[ContainerSummary]: ...


class DriversView(Protocol):
    async def names(self) -> Sequence[str]:
        """The drivers of volumes that answer."""


class VolumesView(Protocol):
    """What info and df ask of the volumes."""

    @property
    def drivers(self) -> DriversView: ...

    async def usage(self) -> Sequence[VolumeSummary]:
        """All volumes with their sizes and numbers of users."""


class SnapshotsView(Protocol):
    name: str


class System:
    """What the engine says about itself."""

    def __init__(
        self,
        config: EngineConfig,
        snapshots: SnapshotsView,
        images: ImagesView,
        containers: ContainersView,
        volumes: VolumesView,
        events: Bus,
        default_runtime: str,
        *,
        remaps_users: bool = False,
    ) -> None:
        self._config = config
        self._snapshots = snapshots
        self._images = images
        self._containers = containers
        self._volumes = volumes
        self._events = events
        self._default_runtime = default_runtime
        self._features = cgroup_features()
        self._remaps_users = remaps_users  # containers have a user namespace unless they say otherwise

    async def info(self) -> Info:
        config, features, counts = self._config, self._features, self._containers.counts()
        forwarding, (name, release) = host.ipv4_forwarding(), host.operating_system()
        devices = await asyncio.to_thread(registry.read, config.cdi_spec_dirs)
        warnings = host_warnings(features, ipv4_forwarding=forwarding, firewall=config.bridge.firewall)
        volume_drivers = list(await self._volumes.drivers.names())
        return Info(
            id=engine_id(config.data_root),
            containers=sum(counts.values()),
            containers_running=counts["running"],
            containers_paused=counts["paused"],
            containers_stopped=counts["stopped"],
            images=len(await self._images.list({}, all=True)),
            driver=self._snapshots.name,
            driver_status=self._driver_status(),
            docker_root_dir=str(config.data_root),
            plugins=PluginsInfo(volume=volume_drivers, network=list(NETWORK_DRIVERS), log=list(drivers.NAMES)),
            memory_limit=features.memory,
            swap_limit=features.swap,
            cpu_cfs_period=features.cpu_quota,
            cpu_cfs_quota=features.cpu_quota,
            cpu_shares=features.cpu_shares,
            cpu_set=features.cpuset,
            pids_limit=features.pids,
            oom_kill_disable=features.oom_kill_disable,
            ipv4_forwarding=forwarding,
            bridge_nf_iptables=host.bridge_filtering("iptables"),
            bridge_nf_ip6tables=host.bridge_filtering("ip6tables"),
            debug=config.debug,
            n_fd=host.open_files() if config.debug else 0,
            n_goroutines=len(asyncio.all_tasks()) if config.debug else 0,
            system_time=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            logging_driver=config.logs.driver,
            logging_options=dict(config.logs.options),
            cgroup_driver=host.cgroup_driver(config.cgroup_driver, config.cgroup_parent),
            cgroup_version=features.version,
            n_events_listener=self._events.listeners,
            kernel_version=platform.release(),
            operating_system=name,
            os_version=release,
            architecture=platform.machine(),
            registry_config=self._registries(),
            ncpu=len(os.sched_getaffinity(0)),
            mem_total=host.memory_total(),
            http_proxy=_proxy("HTTP_PROXY"),
            https_proxy=_proxy("HTTPS_PROXY"),
            no_proxy=os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")),
            name=platform.node(),
            labels=list(config.labels),
            server_version=wharf.__version__,
            runtimes={name: Runtime(path=path) for name, path in config.runtimes.items() if _exists(path)},
            default_runtime=self._default_runtime,
            live_restore_enabled=config.live_restore,
            init_binary=str(config.init_path or "docker-init"),
            security_options=self._security_options(),
            firewall_backend=FirewallInfo(driver="nftables" if config.bridge.firewall else "none"),
            cdi_spec_dirs=[str(path) for path in config.cdi_spec_dirs],
            discovered_devices=[DeviceInfo(source="cdi", id=name) for name in devices.offers] or msgspec.UNSET,
            warnings=[*warnings, *device_warnings(devices.faults)],
        )

    def _driver_status(self) -> list[list[str]]:
        return [
            ["Backing Filesystem", host.file_system(self._config.data_root)],
            ["Supports d_type", "true"],
        ]

    def _registries(self) -> RegistryServiceConfig:
        settings = self._config.registry
        named = [entry for entry in settings.insecure if "/" not in entry]
        indexes = {name: IndexInfo(name=name, secure=False) for name in named}
        indexes["docker.io"] = IndexInfo(name="docker.io", mirrors=list(settings.mirrors), official=True)
        return RegistryServiceConfig(
            insecure_registry_cidrs=["::1/128", "127.0.0.0/8", *(e for e in settings.insecure if "/" in e)],
            index_configs=indexes,
            mirrors=list(settings.mirrors),
        )

    def _security_options(self) -> list[str]:
        options = ["name=apparmor"] if host.apparmor_enabled() else []
        if self._config.seccomp_profile != "unconfined" and host.seccomp_available():
            options.append(f"name=seccomp,profile={self._config.seccomp_profile or 'builtin'}")
        if self._remaps_users:
            options.append("name=userns")
        if self._config.no_new_privileges:
            options.append("name=no-new-privileges")
        if self._features.version == "2":
            options.append("name=cgroupns")
        return options

    async def version(self) -> Version:
        machine = platform.machine()
        architecture = ARCHITECTURES.get(machine, machine)
        python = f"Python {platform.python_version()}"
        details = {
            "ApiVersion": API_VERSION,
            "MinAPIVersion": MIN_API_VERSION,
            "Arch": architecture,
            "Os": "linux",
            "KernelVersion": platform.release(),
            "GoVersion": python,
            "GitCommit": "",
            "BuildTime": "",
            "Experimental": "false",
        }
        return Version(
            platform=VersionPlatform(name="Wharf"),
            components=[Component(name="Engine", version=wharf.__version__, details=details)],
            version=wharf.__version__,
            api_version=API_VERSION,
            min_api_version=MIN_API_VERSION,
            go_version=python,
            os="linux",
            arch=architecture,
            kernel_version=platform.release(),
        )

    async def df(
        self, types: Sequence[str] = (), *, verbose: bool = False, details: bool = False, sums: bool = True
    ) -> DiskUsage:
        """What images, containers and volumes take; only the `types` that are named, if any are.

        `sums` and `details` are the forms since and before API 1.52; `verbose` is for the new one.
        """
        if unknown := set(types) - TYPES:
            raise InvalidArgument(f"unknown object type: {', '.join(sorted(unknown))}")
        wanted = frozenset(types) or TYPES
        layers = self._images.layers_size()
        images = list(await self._images.list({}, shared_sizes=True)) if "image" in wanted else None
        containers = list(await self._containers.list({}, all=True, size=True)) if "container" in wanted else None
        volumes = list(await self._volumes.usage()) if "volume" in wanted else None
        cache: list[VolumeSummary] | None = [] if "build-cache" in wanted else None
        found = DiskUsage()
        if details:
            found = msgspec.structs.replace(
                found,
                layers_size=layers if images is not None else 0,
                images=images,
                containers=containers,
                volumes=volumes,
                build_cache=cache,
                builder_size=0,
            )
        if sums:
            nothing = msgspec.UNSET
            found = msgspec.structs.replace(
                found,
                image_usage=nothing if images is None else usage.image_usage(images, layers, verbose=verbose),
                container_usage=nothing if containers is None else usage.container_usage(containers, verbose=verbose),
                volume_usage=nothing if volumes is None else usage.volume_usage(volumes, verbose=verbose),
                build_cache_usage=nothing if cache is None else usage.volume_usage(cache, verbose=verbose),
            )
        return found

    def reconfigure(self, config: EngineConfig) -> None:
        """From now on, info tells of this configuration."""
        self._config = config


def _exists(program: str) -> bool:
    return shutil.which(program) is not None


def _proxy(name: str) -> str:
    """A proxy from the environment, with its password hidden."""
    text = os.environ.get(name, os.environ.get(name.lower(), ""))
    parts = urlsplit(text)
    if "@" not in parts.netloc:
        return text
    return parts._replace(netloc=f"xxxxx:xxxxx@{parts.netloc.rpartition('@')[2]}").geturl()
