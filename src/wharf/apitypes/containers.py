"""The API's section Container, as frozen structs that read and write the wire's JSON names.

Field names are ours, `name=` gives Docker's spelling where plain CamelCase does not. Absent and null mean the default.
Source: Docker Engine API 1.54.
"""

from typing import Annotated, Any

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A JSON object of the API. Unknown members are ignored, as dockerd does."""


def named(wire: str, default: Any = msgspec.NODEFAULT) -> Any:
    """A field whose JSON name is not its own name in CamelCase."""
    return msgspec.field(name=wire, default=default)


#: Whole numbers that cannot be negative, by the names that errors give their types.
UInt16 = Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1, title="uint16")]
UInt64 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1, title="uint64")]


class HealthConfig(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """Durations are nanoseconds; 0 means inherit."""

    test: list[str] = []
    interval: int = 0
    timeout: int = 0
    retries: int = 0
    start_period: int = 0
    start_interval: int = 0


class ContainerConfig(Wire, frozen=True, kw_only=True):
    """What runs: the part of a container that an image can also carry."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, dict[str, Any]] = {}
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: list[str] = []
    cmd: list[str] | None = None
    healthcheck: HealthConfig | None = None
    args_escaped: bool = False
    image: str = ""
    volumes: dict[str, dict[str, Any]] = {}
    working_dir: str = ""
    entrypoint: list[str] | None = None
    network_disabled: bool = False
    mac_address: str = ""
    on_build: list[str] | None = None
    labels: dict[str, str] = {}
    stop_signal: str = ""
    stop_timeout: int | None = None
    shell: list[str] | None = None


class LogConfig(Wire, frozen=True, kw_only=True):
    type: str = ""
    config: dict[str, str] = {}


class RestartPolicy(Wire, frozen=True, kw_only=True):
    name: str = ""
    maximum_retry_count: int = 0


class PortBinding(Wire, frozen=True, kw_only=True):
    host_ip: str = ""
    host_port: str = ""
    firewall: str | msgspec.UnsetType = msgspec.UNSET  # as HostConfig.firewall, for this port


class Ulimit(Wire, frozen=True, kw_only=True):
    name: str = ""
    soft: int = 0
    hard: int = 0


class DeviceMapping(Wire, frozen=True, kw_only=True):
    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class DeviceRequest(Wire, frozen=True, kw_only=True):
    driver: str = ""
    count: int = 0
    device_ids: list[str] = named("DeviceIDs", [])
    capabilities: list[list[str]] = []
    options: dict[str, str] = {}


class WeightDevice(Wire, frozen=True, kw_only=True):
    path: str = ""
    weight: UInt16 = 0


class ThrottleDevice(Wire, frozen=True, kw_only=True):
    path: str = ""
    rate: UInt64 = 0


class BindOptions(Wire, frozen=True, kw_only=True, omit_defaults=True):
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class VolumeDriverConfig(Wire, frozen=True, kw_only=True, omit_defaults=True):
    name: str = ""
    options: dict[str, str] = {}


class VolumeOptions(Wire, frozen=True, kw_only=True, omit_defaults=True):
    no_copy: bool = False
    labels: dict[str, str] = {}
    driver_config: VolumeDriverConfig | None = None
    subpath: str = ""


class TmpfsOptions(Wire, frozen=True, kw_only=True, omit_defaults=True):
    size_bytes: int = 0
    mode: int = 0
    options: list[list[str]] = []


class ImageMountOptions(Wire, frozen=True, kw_only=True, omit_defaults=True):
    subpath: str = ""


class Mount(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A mount as `--mount` asks for it."""

    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    tmpfs_options: TmpfsOptions | None = None
    image_options: ImageMountOptions | None = None


class HostConfig(Wire, frozen=True, kw_only=True):
    """How it runs on this host. Sizes are bytes; a pids limit of 0 or -1 is none.

    The last members are ours. They are UNSET, and so not shown, unless somebody asked for them.
    """

    binds: list[str] = []
    container_id_file: str = named("ContainerIDFile", "")
    log_config: LogConfig = LogConfig()
    network_mode: str = ""
    port_bindings: dict[str, list[PortBinding]] = {}
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: list[str] = []
    mounts: list[Mount] = []
    console_size: list[int] = []
    annotations: dict[str, str] = {}
    cap_add: list[str] = []
    cap_drop: list[str] = []
    cgroupns_mode: str = ""
    dns: list[str] = []
    dns_options: list[str] = []
    dns_search: list[str] = []
    extra_hosts: list[str] = []
    group_add: list[str] = []
    ipc_mode: str = ""
    cgroup: str = ""
    links: list[str] = []
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: list[str] = []
    storage_opt: dict[str, str] = {}
    tmpfs: dict[str, str] = {}
    uts_mode: str = named("UTSMode", "")
    userns_mode: str = ""
    shm_size: int = 0
    sysctls: dict[str, str] = {}
    runtime: str = ""
    isolation: str = ""
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None
    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    cgroup_parent: str = ""
    blkio_weight: UInt16 = 0
    blkio_weight_device: list[WeightDevice] = []
    blkio_device_read_bps: list[ThrottleDevice] = []
    blkio_device_write_bps: list[ThrottleDevice] = []
    blkio_device_read_iops: list[ThrottleDevice] = named("BlkioDeviceReadIOps", [])
    blkio_device_write_iops: list[ThrottleDevice] = named("BlkioDeviceWriteIOps", [])
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[DeviceMapping] = []
    device_cgroup_rules: list[str] = []
    device_requests: list[DeviceRequest] = []
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    ulimits: list[Ulimit] = []
    cpu_count: int = 0
    cpu_percent: int = 0
    io_maximum_iops: int = named("IOMaximumIOps", 0)
    io_maximum_bandwidth: int = named("IOMaximumBandwidth", 0)
    init: bool | None = None
    umask: str | msgspec.UnsetType = msgspec.UNSET  # octal digits
    idmaps: dict[str, str] | msgspec.UnsetType = msgspec.UNSET  # by mount point of a bind
    health_on_failure: str | msgspec.UnsetType = msgspec.UNSET  # none, kill, restart, stop
    firewall: str | msgspec.UnsetType = msgspec.UNSET  # whose rules published ports obey: "own" or "host"


class EndpointIPAMConfig(Wire, frozen=True, kw_only=True, omit_defaults=True):
    ipv4_address: str = named("IPv4Address", "")
    ipv6_address: str = named("IPv6Address", "")
    link_local_ips: list[str] = named("LinkLocalIPs", [])


class EndpointSettings(Wire, frozen=True, kw_only=True):
    """A container's place in one network: what was asked, and what it got."""

    ipam_config: EndpointIPAMConfig | None = named("IPAMConfig", None)
    links: list[str] | None = None
    mac_address: str = ""
    aliases: list[str] | None = None
    driver_opts: dict[str, str] | None = None
    gw_priority: int = 0
    network_id: str = named("NetworkID", "")
    endpoint_id: str = named("EndpointID", "")
    gateway: str = ""
    ip_address: str = named("IPAddress", "")
    ip_prefix_len: int = named("IPPrefixLen", 0)
    ipv6_gateway: str = named("IPv6Gateway", "")
    global_ipv6_address: str = named("GlobalIPv6Address", "")
    global_ipv6_prefix_len: int = named("GlobalIPv6PrefixLen", 0)
    dns_names: list[str] | None = named("DNSNames", None)


class NetworkingConfig(Wire, frozen=True, kw_only=True):
    endpoints_config: dict[str, EndpointSettings] = {}


class HealthResult(Wire, frozen=True, kw_only=True):
    """One health check; times are RFC 3339."""

    start: str
    end: str
    exit_code: int
    output: str


class HealthState(Wire, frozen=True, kw_only=True):
    """`status` is "starting", "healthy" or "unhealthy"; the latest check is the last of `log`."""

    status: str
    failing_streak: int
    log: list[HealthResult] = []


class HealthSummary(Wire, frozen=True, kw_only=True):
    status: str = "none"
    failing_streak: int = 0


class ContainerState(Wire, frozen=True, kw_only=True):
    status: str
    running: bool = False
    paused: bool = False
    restarting: bool = False
    oom_killed: bool = named("OOMKilled", False)
    dead: bool = False
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: str = "0001-01-01T00:00:00Z"
    finished_at: str = "0001-01-01T00:00:00Z"
    health: HealthState | msgspec.UnsetType = msgspec.UNSET


class MountPoint(Wire, frozen=True, kw_only=True):
    """A mount as the container has it."""

    type: str
    name: str = ""
    source: str = ""
    destination: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = named("RW", True)
    propagation: str = ""


class DriverData(Wire, frozen=True, kw_only=True):
    name: str
    data: dict[str, str] = {}


class NetworkSettings(Wire, frozen=True, kw_only=True):
    bridge: str = ""
    sandbox_id: str = named("SandboxID", "")
    sandbox_key: str = ""
    ports: dict[str, list[PortBinding] | None] = {}
    hairpin_mode: bool = False
    link_local_ipv6_address: str = named("LinkLocalIPv6Address", "")
    link_local_ipv6_prefix_len: int = named("LinkLocalIPv6PrefixLen", 0)
    secondary_ip_addresses: list[str] | None = named("SecondaryIPAddresses", None)
    secondary_ipv6_addresses: list[str] | None = named("SecondaryIPv6Addresses", None)
    endpoint_id: str = named("EndpointID", "")
    gateway: str = ""
    global_ipv6_address: str = named("GlobalIPv6Address", "")
    global_ipv6_prefix_len: int = named("GlobalIPv6PrefixLen", 0)
    ip_address: str = named("IPAddress", "")
    ip_prefix_len: int = named("IPPrefixLen", 0)
    ipv6_gateway: str = named("IPv6Gateway", "")
    mac_address: str = ""
    networks: dict[str, EndpointSettings] = {}


class PendingEdit(Wire, frozen=True, kw_only=True):
    """Settings that a container gets at its next start (ours, not Docker's)."""

    config: ContainerConfig
    host_config: HostConfig


class ContainerInspect(Wire, frozen=True, kw_only=True):
    """GET /containers/{name}/json. Sizes are there only when asked for."""

    id: str
    created: str
    path: str
    args: list[str]
    state: ContainerState
    image: str
    resolv_conf_path: str = ""
    hostname_path: str = ""
    hosts_path: str = ""
    log_path: str = ""
    name: str = ""
    restart_count: int = 0
    driver: str = ""
    platform: str = "linux"
    mount_label: str = ""
    process_label: str = ""
    app_armor_profile: str = ""
    exec_ids: list[str] | None = named("ExecIDs", None)
    host_config: HostConfig = HostConfig()
    graph_driver: DriverData = DriverData(name="")
    size_rw: int | msgspec.UnsetType = named("SizeRw", msgspec.UNSET)
    size_root_fs: int | msgspec.UnsetType = named("SizeRootFs", msgspec.UNSET)
    mounts: list[MountPoint] = []
    config: ContainerConfig = ContainerConfig()
    network_settings: NetworkSettings = NetworkSettings()
    pending_edit: PendingEdit | msgspec.UnsetType = msgspec.UNSET


class Port(Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the PORTS column. `ip` and `public_port` are absent where nothing is published."""

    ip: str = named("IP", "")
    private_port: int = 0
    public_port: int = 0
    type: str = ""


class SummaryHostConfig(Wire, frozen=True, kw_only=True):
    network_mode: str = ""
    annotations: dict[str, str] = {}


class SummaryNetworkSettings(Wire, frozen=True, kw_only=True):
    networks: dict[str, EndpointSettings] = {}


class ContainerSummary(Wire, frozen=True, kw_only=True):
    """One entry of GET /containers/json. `created` is Unix seconds; sizes are there only when asked for."""

    id: str
    names: list[str]
    image: str
    image_id: str = named("ImageID", "")
    command: str = ""
    created: int = 0
    ports: list[Port] = []
    size_rw: int | msgspec.UnsetType = named("SizeRw", msgspec.UNSET)
    size_root_fs: int | msgspec.UnsetType = named("SizeRootFs", msgspec.UNSET)
    labels: dict[str, str] = {}
    state: str = ""
    status: str = ""
    host_config: SummaryHostConfig = SummaryHostConfig()
    network_settings: SummaryNetworkSettings = SummaryNetworkSettings()
    mounts: list[MountPoint] = []
    health: HealthSummary = HealthSummary()


class Created(Wire, frozen=True, kw_only=True):
    """POST /containers/create."""

    id: str
    warnings: list[str] = []


class Top(Wire, frozen=True, kw_only=True):
    """GET /containers/{name}/top."""

    titles: list[str]
    processes: list[list[str]]
