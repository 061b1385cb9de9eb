"""A container's run as one frozen value, and what makes another run of it. Pure.

What the OCI runtime is told of it is in config_json.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from wharf.spec.id_mapping import IdMapping

#: As Docker's: what ordinary images need to install packages and drop rights, and nothing that reaches the host.
DEFAULT_CAPABILITIES: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
DEFAULT_MASKED_PATHS: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
DEFAULT_READONLY_PATHS: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
DEFAULT_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHM_SIZE: Final = 64 << 20
#: Where a container of ours sees its init; the name is the one that images and tools know.
INIT_PATH: Final = "/sbin/docker-init"
CGROUPS: Final = "/sys/fs/cgroup"
#: The network namespace that the shim has made and entered before it starts the runtime.
SHIM_NETWORK: Final = "/proc/self/ns/net"

HOST_SHM: Final = "/dev/shm"

#: Docker's default for a network of a container's own.
ALL_GROUPS_MAY_PING: Final = ("net.ipv4.ping_group_range", "0 2147483647")

NEW: Final = ""
HOST: Final = "host"


@dataclass(frozen=True, slots=True)
class Mount:
    """One entry of `mounts`; options are those of mount(8)."""

    destination: str
    type: str
    source: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """A device node in the container's /dev."""

    path: str
    type: str  # "c", "b" or "p"
    major: int
    minor: int
    mode: int = 0o666
    uid: int = 0
    gid: int = 0
    source: str = ""  # its path on the host, if it is one of the host


@dataclass(frozen=True, slots=True)
class DeviceRule:
    """What the device cgroup allows or refuses. None matches any number."""

    allow: bool
    type: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


@dataclass(frozen=True, slots=True)
class Hook:
    """A program of the host that the runtime runs at a point of the container's life; `timeout` is in seconds."""

    point: str  # "prestart", "createRuntime", … "poststop"
    path: str
    args: tuple[str, ...] = ()  # with argv[0]
    env: tuple[str, ...] = ()
    timeout: int | None = None


@dataclass(frozen=True, slots=True)
class Rlimit:
    """A resource limit; -1 is unlimited."""

    name: str  # "RLIMIT_NOFILE"
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class BlockLimit:
    """A limit for one block device: a weight, bytes per second or operations per second."""

    major: int
    minor: int
    value: int


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Each is NEW (its own), HOST (the host's), or the path of one to join."""

    network: str = SHIM_NETWORK
    pid: str = NEW
    ipc: str = NEW
    uts: str = NEW
    cgroup: str = HOST  # Docker's default with cgroup v1; NEW with v2
    user: str = HOST


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of the cgroup. None (or empty) leaves the kernel's default; sizes are bytes."""

    memory: int | None = None
    memory_swap: int | None = None  # memory and swap together; -1 is unlimited
    memory_reservation: int | None = None
    memory_swappiness: int | None = None
    oom_kill_disable: bool = False
    cpu_shares: int | None = None
    cpu_quota: int | None = None  # microseconds of CPU time in each period
    cpu_period: int | None = None  # microseconds
    cpu_realtime_period: int | None = None  # microseconds
    cpu_realtime_runtime: int | None = None  # microseconds of real-time CPU time in each real-time period
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    pids: int | None = None
    blkio_weight: int | None = None
    blkio_weight_device: tuple[BlockLimit, ...] = ()
    read_bps: tuple[BlockLimit, ...] = ()
    write_bps: tuple[BlockLimit, ...] = ()
    read_iops: tuple[BlockLimit, ...] = ()
    write_iops: tuple[BlockLimit, ...] = ()


def default_device_rules() -> tuple[DeviceRule, ...]:
    """Docker's: making nodes is free, using them only for those that hold no secret and no hardware."""
    usable = ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, None))
    return (
        DeviceRule(False),
        DeviceRule(True, "c", access="m"),
        DeviceRule(True, "b", access="m"),
        *(DeviceRule(True, "c", major, minor) for major, minor in usable),
    )


def default_mounts(*, shm_size: int = DEFAULT_SHM_SIZE, shm_source: str = "") -> tuple[Mount, ...]:
    """The mounts that every container has. `shm_source` binds /dev/shm from there instead of making a new one."""
    harmless = ("nosuid", "noexec", "nodev")
    if not shm_source:
        shm = Mount("/dev/shm", "tmpfs", "shm", (*harmless, "mode=1777", f"size={shm_size}"))
    else:
        # The host's own is left as it is; another container's has lost these on its way.
        shm = Mount(
            "/dev/shm", "bind", shm_source, ("rbind", "rprivate", *(harmless if shm_source != HOST_SHM else ()))
        )
    return (
        Mount("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
        Mount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        Mount(
            "/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
        ),
        Mount("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
        Mount(CGROUPS, "cgroup", "cgroup", ("ro", "nosuid", "noexec", "nodev")),
        Mount("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
        shm,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSpec:
    """One run of a container, with everything already decided: no name is resolved and no default looked up later."""

    args: tuple[str, ...]
    env: tuple[str, ...] = (DEFAULT_PATH,)
    cwd: str = "/"
    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    umask: int | None = None  # None leaves it to the runtime, which takes 0022
    tty: bool = False
    console_size: tuple[int, int] = (0, 0)  # height, width
    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    rlimits: tuple[Rlimit, ...] = ()
    no_new_privileges: bool = False
    oom_score_adj: int | None = 0  # None inherits the daemon's, which may be protected
    apparmor_profile: str = ""
    hostname: str = ""
    domainname: str = ""
    readonly_rootfs: bool = False
    rootfs_propagation: str = ""  # "rprivate" where empty; "rshared" or "rslave" for binds that ask for it
    namespaces: Namespaces = Namespaces()
    id_mapping: IdMapping | None = None  # of the user namespace
    mounts: tuple[Mount, ...] = field(default_factory=default_mounts)
    masked_paths: tuple[str, ...] = DEFAULT_MASKED_PATHS
    readonly_paths: tuple[str, ...] = DEFAULT_READONLY_PATHS
    devices: tuple[Device, ...] = ()
    device_rules: tuple[DeviceRule, ...] = field(default_factory=default_device_rules)
    resources: Resources = Resources()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    seccomp: Mapping[str, Any] | None = None  # linux.seccomp of config.json, for runc; None is unconfined
    seccomp_bpf: bytes = b""  # the same, compiled, for crun; used instead of `seccomp`
    cgroups_path: str = ""
    hooks: tuple[Hook, ...] = ()
    intel_rdt: Mapping[str, Any] | None = None  # linux.intelRdt of config.json
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the host can give. See runtime.host.facts()."""

    capabilities: frozenset[str]
    hard_limits: Mapping[str, int]  # by RLIMIT_ name; -1 is unlimited. Empty when the daemon may raise its limits
    devices: tuple[Device, ...] = ()
    lowest_oom_score_adj: int = -1000
    apparmor: bool = False
    apparmor_profile: str = ""  # of containers that ask for none
    selinux: bool = False


def made_privileged(spec: BundleSpec, host: HostFacts) -> BundleSpec:
    """The same run with all the host's capabilities and devices, and without masks and seccomp."""

    own = {device.path for device in spec.devices}
    return replace(
        spec,
        capabilities=tuple(sorted(host.capabilities)),
        masked_paths=(),
        readonly_paths=(),
        seccomp=None,
        seccomp_bpf=b"",
        mounts=_with_access(spec.mounts, ("/sys", CGROUPS), "rw"),
        devices=(*spec.devices, *(device for device in host.devices if device.path not in own)),
        device_rules=(DeviceRule(True),),
    )


def with_cgroups(spec: BundleSpec, *, writable: bool) -> BundleSpec:
    """The same run with a view of its control groups that it may, or may not, change."""
    return replace(spec, mounts=_with_access(spec.mounts, (CGROUPS,), "rw" if writable else "ro"))


def _with_access(mounts: tuple[Mount, ...], destinations: tuple[str, ...], access: str) -> tuple[Mount, ...]:
    def changed(mount: Mount) -> Mount:
        options = tuple(access if option in ("ro", "rw") else option for option in mount.options)
        return replace(mount, options=options) if mount.destination in destinations else mount

    return tuple(map(changed, mounts))


def with_init(spec: BundleSpec, program: str) -> BundleSpec:
    """The same run under a small init that reaps orphans and passes signals on; `program` is its path on the host."""
    bind = Mount(INIT_PATH, "bind", program, ("bind", "ro", "rprivate"))
    return replace(spec, args=(INIT_PATH, "--", *spec.args), mounts=(*spec.mounts, bind))


def with_user_namespace(spec: BundleSpec, mapping: IdMapping, path: str) -> BundleSpec:
    """The same run in the user namespace at `path`, which has this mapping.

    Nobody can make device nodes there, so those of the host are bound. crun 1.8 cannot do that itself for one that it
    binds anyway, such as /dev/full, and no runtime for one that has another path in the container. Groups that are not
    mapped cannot be named.
    """
    binds = tuple(Mount(one.path, "bind", one.source, ("bind", "rprivate")) for one in spec.devices if one.source)
    return replace(
        spec,
        namespaces=replace(spec.namespaces, user=path),
        id_mapping=mapping,
        mounts=(*spec.mounts, *binds),
        devices=tuple(one for one in spec.devices if not one.source),
        sysctls={name: value for name, value in spec.sysctls.items() if (name, value) != ALL_GROUPS_MAY_PING},
    )


def fitted(spec: BundleSpec, host: HostFacts) -> tuple[BundleSpec, list[str]]:
    """The run without what the host lacks itself, which would fail the start, and a warning for each thing left out."""
    missing = [name for name in spec.capabilities if name not in host.capabilities]
    warnings = [f"The host has no {name}; the container will not have it either" for name in missing]
    capabilities = tuple(name for name in spec.capabilities if name in host.capabilities)
    rlimits, more = fitted_rlimits(spec.rlimits, host)
    score, most = fitted_oom_score(spec.oom_score_adj, host)
    if (capabilities, rlimits, score) != (spec.capabilities, spec.rlimits, spec.oom_score_adj):
        spec = replace(spec, capabilities=capabilities, rlimits=rlimits, oom_score_adj=score)
    return spec, [*warnings, *more, *most]


def fitted_rlimits(rlimits: tuple[Rlimit, ...], host: HostFacts) -> tuple[tuple[Rlimit, ...], list[str]]:
    """The limits that a daemon without CAP_SYS_RESOURCE can give, and a warning for each that it has to lower."""
    fitted, warnings = [], []
    for limit in rlimits:
        most = host.hard_limits.get(limit.name, -1)
        if most >= 0 and not (0 <= limit.hard <= most and 0 <= limit.soft <= most):
            warnings.append(f"{limit.name} is limited to {most} on this host")
            limit = Rlimit(limit.name, *(most if value < 0 else min(value, most) for value in (limit.soft, limit.hard)))
        fitted.append(limit)
    return tuple(fitted), warnings


def fitted_oom_score(score: int | None, host: HostFacts) -> tuple[int | None, list[str]]:
    """The OOM score that the daemon can give."""
    if score is None or score >= host.lowest_oom_score_adj:
        return score, []
    # 0 is what nobody asked for: raising that silently is no news to the user.
    warnings = [f"The OOM score cannot be lower than {host.lowest_oom_score_adj} on this host"] if score else []
    return host.lowest_oom_score_adj, warnings
