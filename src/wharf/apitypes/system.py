"""The API's section System, as frozen structs that read and write the wire's JSON names."""

from typing import Any

import msgspec

from wharf.apitypes.containers import ContainerSummary, Wire
from wharf.apitypes.images import ImageSummary


def _named(wire: str, default: Any = msgspec.NODEFAULT) -> Any:
    return msgspec.field(name=wire, default=default)


class Component(Wire, frozen=True, kw_only=True):
    """A program that the answers of GET /version name."""

    name: str
    version: str
    details: dict[str, str] = {}


class VersionPlatform(Wire, frozen=True, kw_only=True):
    name: str = ""


class Version(Wire, frozen=True, kw_only=True):
    """GET /version."""

    platform: VersionPlatform = VersionPlatform()
    components: list[Component] = []
    version: str = ""
    api_version: str = _named("ApiVersion", "")
    min_api_version: str = _named("MinAPIVersion", "")
    git_commit: str = ""
    go_version: str = ""  # clients print it; ours says which Python runs
    os: str = ""
    arch: str = ""
    kernel_version: str = ""
    experimental: bool | msgspec.UnsetType = msgspec.UNSET
    build_time: str = ""


class Commit(Wire, frozen=True, kw_only=True):
    id: str = _named("ID", "")
    expected: str = ""


class Runtime(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    path: str = ""
    runtime_args: list[str] = msgspec.field(name="runtimeArgs", default=[])


class PluginsInfo(Wire, frozen=True, kw_only=True):
    volume: list[str] = []
    network: list[str] = []
    authorization: list[str] | None = None
    log: list[str] = []


class IndexInfo(Wire, frozen=True, kw_only=True):
    name: str = ""
    mirrors: list[str] = []
    secure: bool = True
    official: bool = False


class RegistryServiceConfig(Wire, frozen=True, kw_only=True):
    insecure_registry_cidrs: list[str] = _named("InsecureRegistryCIDRs", [])
    index_configs: dict[str, IndexInfo] = {}
    mirrors: list[str] = []


class SwarmInfo(Wire, frozen=True, kw_only=True):
    node_id: str = _named("NodeID", "")
    node_addr: str = ""
    local_node_state: str = "inactive"
    control_available: bool = False
    error: str = ""
    remote_managers: list[dict[str, str]] | None = None


class FirewallInfo(Wire, frozen=True, kw_only=True):
    driver: str = ""
    info: list[list[str]] = []


class DeviceInfo(Wire, frozen=True, kw_only=True):
    """A device that containers can ask for by name."""

    source: str
    id: str = _named("ID")


class Info(Wire, frozen=True, kw_only=True):
    """GET /info. Sizes are bytes."""

    id: str = _named("ID", "")
    containers: int = 0
    containers_running: int = 0
    containers_paused: int = 0
    containers_stopped: int = 0
    images: int = 0
    driver: str = ""
    driver_status: list[list[str]] = []
    docker_root_dir: str = ""
    plugins: PluginsInfo = PluginsInfo()
    memory_limit: bool = False
    swap_limit: bool = False
    kernel_memory_tcp: bool = _named("KernelMemoryTCP", False)
    cpu_cfs_period: bool = False
    cpu_cfs_quota: bool = False
    cpu_shares: bool = _named("CPUShares", False)
    cpu_set: bool = _named("CPUSet", False)
    pids_limit: bool = False
    oom_kill_disable: bool = False
    ipv4_forwarding: bool = _named("IPv4Forwarding", False)
    bridge_nf_iptables: bool = False
    bridge_nf_ip6tables: bool = _named("BridgeNfIp6tables", False)
    debug: bool = False
    n_fd: int = _named("NFd", 0)
    n_goroutines: int = _named("NGoroutines", 0)  # ours are asyncio tasks
    system_time: str = ""
    logging_driver: str = ""
    logging_options: dict[str, str] = {}  # ours: what a container gets that asks for nothing
    cgroup_driver: str = ""
    cgroup_version: str = ""
    n_events_listener: int = _named("NEventsListener", 0)
    kernel_version: str = ""
    operating_system: str = ""
    os_version: str = _named("OSVersion", "")
    os_type: str = _named("OSType", "linux")
    architecture: str = ""
    index_server_address: str = "https://index.docker.io/v1/"
    registry_config: RegistryServiceConfig = RegistryServiceConfig()
    ncpu: int = _named("NCPU", 0)
    mem_total: int = 0
    generic_resources: list[Any] | None = None
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    name: str = ""
    labels: list[str] = []
    experimental_build: bool = False
    server_version: str = ""
    runtimes: dict[str, Runtime] = {}
    default_runtime: str = ""
    swarm: SwarmInfo = SwarmInfo()
    live_restore_enabled: bool = False
    isolation: str = ""
    init_binary: str = ""
    containerd_commit: Commit = Commit()
    runc_commit: Commit = Commit()
    init_commit: Commit = Commit()
    security_options: list[str] = []
    product_license: str = ""
    firewall_backend: FirewallInfo | None = None
    cdi_spec_dirs: list[str] = _named("CDISpecDirs", [])
    discovered_devices: list[DeviceInfo] | msgspec.UnsetType = msgspec.UNSET
    warnings: list[str] = []


class VolumeUsage(Wire, frozen=True, kw_only=True):
    """-1 where it was not counted."""

    size: int = -1
    ref_count: int = -1


class VolumeSummary(Wire, frozen=True, kw_only=True):
    """A volume in GET /system/df."""

    name: str
    driver: str = "local"
    mountpoint: str = ""
    created_at: str = ""
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None
    scope: str = "local"
    usage_data: VolumeUsage = VolumeUsage()


class Usage(Wire, frozen=True, kw_only=True):
    """How much one kind of object takes. Sizes are bytes; `items` is there when details were asked for."""

    active_count: int = 0
    total_count: int = 0
    reclaimable: int = 0
    total_size: int = 0
    items: list[Any] | msgspec.UnsetType = msgspec.UNSET


class DiskUsage(Wire, frozen=True, kw_only=True):
    """GET /system/df. The upper half is the form since API 1.52, the lower the one before it."""

    image_usage: Usage | msgspec.UnsetType = msgspec.UNSET
    container_usage: Usage | msgspec.UnsetType = msgspec.UNSET
    volume_usage: Usage | msgspec.UnsetType = msgspec.UNSET
    build_cache_usage: Usage | msgspec.UnsetType = msgspec.UNSET

    layers_size: int | msgspec.UnsetType = msgspec.UNSET
    images: list[ImageSummary] | msgspec.UnsetType | None = msgspec.UNSET
    containers: list[ContainerSummary] | msgspec.UnsetType | None = msgspec.UNSET
    volumes: list[VolumeSummary] | msgspec.UnsetType | None = msgspec.UNSET
    build_cache: list[Any] | msgspec.UnsetType | None = msgspec.UNSET
    builder_size: int | msgspec.UnsetType = msgspec.UNSET
