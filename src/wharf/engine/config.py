"""What the engine is told when it opens. The daemon makes it from daemon.json and flags; the engine reads neither."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import Path
from typing import Self

from wharf.apitypes.containers import Ulimit
from wharf.network.settings import Forwarding
from wharf.network.subnets import PoolOfSubnets
from wharf.plugins.registry import Settings as PluginSettings


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """The default bridge network. `name` is "none" for an engine without one."""

    name: str = "wharf0"
    address: IPv4Interface | None = None  # --bip; None takes 172.17.0.1/16 or the next range that is free
    fixed_cidr: IPv4Network | None = None  # containers' addresses come from this part of the range
    mtu: int = 0  # 0 is the kernel's default, 1500
    inter_container: bool = True  # --icc
    masquerade: bool = True  # --ip-masq
    firewall: bool = True  # --iptables; ours are nftables rules
    firewall6: bool = True  # --ip6tables
    forwarding: Forwarding = Forwarding.GUARDED  # --ip-forward, --ip-forward-no-drop
    ipv6: bool = False
    address6: IPv6Interface | None = None  # --bip6
    fixed_cidr6: IPv6Network | None = None  # --fixed-cidr-v6; without both, a range of the pools
    default_gateway: IPv4Address | None = None  # of containers; None is the bridge's address
    default_gateway6: IPv6Address | None = None
    published_through: str = "own"  # --firewall: whose rules published ports obey, ours or the "host"'s own
    publish_address: str = ""  # --ip: where ports are published when -p names no address; "" is everywhere


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """How registries are reached. Loopback addresses count as insecure without being listed."""

    mirrors: tuple[str, ...] = ()  # URLs, tried in this order for images of docker.io
    insecure: tuple[str, ...] = ()  # host[:port] or CIDR: plain HTTP and unverified TLS are allowed
    max_downloads: int = 3  # layers at a time, for one pull


@dataclass(frozen=True, slots=True)
class LogDefaults:
    """For containers that name no log driver. Bounded, so that a chatty container cannot fill the disk."""

    driver: str = "json-file"
    options: Mapping[str, str] = field(default_factory=lambda: {"max-size": "20m", "max-file": "5"})

    @classmethod
    def of(cls, driver: str, options: Mapping[str, str]) -> Self:
        """Options that are given replace ours one by one; another driver has none of ours."""
        ours = cls()
        return cls(driver, {**ours.options, **options} if driver == ours.driver else dict(options))


@dataclass(frozen=True, slots=True)
class EngineConfig:
    data_root: Path = Path("/var/lib/wharf")  # survives a reboot
    exec_root: Path = Path("/run/wharf")  # need not survive a reboot
    bridge: BridgeConfig = field(default_factory=BridgeConfig)
    address_pools: tuple[PoolOfSubnets, ...] = ()  # where networks get subnets from; () is Docker's and a ULA prefix
    network_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by driver, for new networks
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    logs: LogDefaults = field(default_factory=LogDefaults)
    # Name → program; programs without "/" are looked for in PATH. "crun" and "runc" are always there.
    runtimes: Mapping[str, str] = field(default_factory=lambda: {"crun": "crun", "runc": "runc"})
    default_runtime: str = ""  # "" takes crun, or runc where crun is missing
    default_ulimits: tuple[Ulimit, ...] = ()
    plugins: PluginSettings = field(default_factory=PluginSettings)
    storage_size: int = 0  # bytes that a container's writable layer may take if it does not say; 0 is no limit
    storage_driver: str = ""  # "" takes the best that works: overlay2, btrfs, vfs
    cgroup_driver: str = ""  # "cgroupfs", "systemd"; "" is what linux.host.cgroup_driver() finds
    cgroup_parent: str = ""
    cpu_realtime_period: int = 0  # microseconds; 0 leaves what the parent group has, as for the next
    cpu_realtime_runtime: int = 0  # microseconds that all containers together may have in a period
    default_cgroupns_mode: str = ""  # "private" or "host"; "" is host on v1 and hybrid, private on v2
    default_ipc_mode: str = "private"
    live_restore: bool = True  # containers go on when the engine closes
    shutdown_timeout: int = 15  # seconds that containers get to stop, without live restore; -1 is no limit
    labels: tuple[str, ...] = ()
    shm_size: int = 64 * 2**20  # bytes
    init: bool = False  # an init process in every container that does not say otherwise
    init_path: Path | None = None
    seccomp_profile: str = ""  # a path, "unconfined", or "" for the built-in one
    no_new_privileges: bool = False
    cdi_spec_dirs: tuple[Path, ...] = (Path("/etc/cdi"), Path("/var/run/cdi"))  # none: no devices by name
    userns_remap: str = ""  # "default", user[:group] or uid[:gid]: whose subordinate ids all containers get
    userns_pool: str = ""  # FIRST:SIZE, or the user whose subordinate ids containers with --userns=auto get
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    host_gateway_ip: str = ""  # what "host-gateway" in --add-host stands for; "" is the bridge's address
    debug: bool = False
