"""From a container's record to what the OCI runtime is told. Pure: all that the host knows comes in Surroundings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wharf.apitypes.containers import HostConfig, Ulimit
from wharf.engine.cdi.injection import injected
from wharf.engine.containers import devices, etc_files, mounts, security, sysctls
from wharf.engine.containers.record import Container
from wharf.engine.containers.resources import Numbers, resources_of, rlimits_of
from wharf.engine.containers.sharing import ALONE, Joined
from wharf.engine.containers.user_mounts import root_propagation, user_mounts
from wharf.errors import InvalidArgument
from wharf.runtime import bundle
from wharf.runtime.bundle import BundleSpec, Device, HostFacts, Mount, Namespaces
from wharf.runtime.users import User
from wharf.spec.cdi import ContainerEdits

_TERM: Final = "xterm"


@dataclass(frozen=True, slots=True)
class Seccomp:
    """The filter of one container: compiled for crun, as data for runc; neither is unconfined."""

    profile: Mapping[str, Any] | None = None
    bpf: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a start finds on the host."""

    facts: HostFacts
    user: User
    etc: Path  # directory with hosts, hostname and resolv.conf
    cgroups_path: str
    unified_cgroups: bool  # pure cgroup v2
    link_variables: tuple[str, ...] = ()  # what tells of the containers that it is linked to
    joined: Joined = ALONE  # what modes of `container:` lead to
    shm_of_other: str = ""  # where the shim has mounted the /dev/shm that belongs to a joined IPC namespace
    init_path: str = ""  # of a static init program, when one is wanted
    shm_size: int = bundle.DEFAULT_SHM_SIZE
    ulimits: tuple[Ulimit, ...] = ()  # the daemon's defaults
    devices: Mapping[str, tuple[Device, ...]] = field(default_factory=dict)  # the nodes at each path asked for
    cdi: tuple[ContainerEdits, ...] = ()  # of the devices asked for by name
    numbers: Numbers = field(default_factory=dict)
    seccomp: Seccomp = Seccomp()
    no_new_privileges: bool = False  # the daemon's default
    sources: Mapping[str, str] = field(default_factory=dict)  # by mount point: where the record's source is not it
    restrictions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by mount point: what the host forbids
    files: frozenset[str] = frozenset()  # sources of read-only binds that are no directories
    recursive_read_only: bool = False  # the kernel can make a mount read-only with all that is mounted below (5.12)


def network_kind(container: Container) -> str:
    """`host`, `none`, `container`, or `bridge` for one with a network namespace that we connect to networks."""
    if container.config.network_disabled:
        return "none"
    mode = container.host.network_mode.partition(":")[0]
    if mode in ("host", "container"):
        return mode
    # Not by its mode: it can be disconnected from `none` and have others then.
    return "none" if "none" in container.networking.endpoints_config else "bridge"


def capabilities(host: HostConfig, every: frozenset[str]) -> tuple[str, ...]:
    """The capability set of a container: the default, with what is added and dropped. `ALL` stands for `every`."""
    add = {capability(name) for name in host.cap_add}
    drop = {capability(name) for name in host.cap_drop}
    for name in (add | drop) - {"ALL"} - every:
        raise InvalidArgument(f'invalid CapAdd: unknown capability: "{name}"')
    if "ALL" in add:
        chosen = every - drop
    elif "ALL" in drop:
        chosen = frozenset(add)
    else:
        chosen = (frozenset(bundle.DEFAULT_CAPABILITIES) - drop) | add
    return tuple(sorted(chosen))


def capability(text: str) -> str:
    """In the kernel's spelling; `ALL` stays what it is."""
    name = text.upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def environment(container: Container, home: str, of_links: Iterable[str] = ()) -> tuple[str, ...]:
    """The process's variables: ours, overridden by the container's. `NAME` without `=` removes one."""
    ours = [bundle.DEFAULT_PATH, f"HOSTNAME={container.config.hostname}"]
    if container.config.tty:
        ours.append(f"TERM={_TERM}")
    found: dict[str, str] = {}
    for text in (*ours, *of_links, *container.config.env):
        name, equals, value = text.partition("=")
        if equals:
            found[name] = value
        else:
            found.pop(name, None)
    found.setdefault("HOME", home)
    return tuple(f"{name}={value}" for name, value in found.items())


def spec(container: Container, around: Surroundings, *, every: frozenset[str]) -> tuple[BundleSpec, list[str]]:
    """The run, and a warning for each thing that the host cannot give. `every` is all capabilities there are."""
    host, config = container.host, container.config
    options = security.parse(host.security_opt)
    unprivileged = options.no_new_privileges
    given = list(devices.given(host, around.devices))
    own_rules = map(devices.parse_rule, host.device_cgroup_rules)
    plain = BundleSpec(
        args=(container.path, *container.args),
        env=environment(container, around.user.home, around.link_variables),
        cwd=config.working_dir or "/",
        uid=around.user.uid,
        gid=around.user.gid,
        additional_gids=around.user.additional_gids,
        umask=int(host.umask, 8) if host.umask else None,
        tty=config.tty,
        console_size=(host.console_size[0], host.console_size[1]) if len(host.console_size) == 2 else (0, 0),
        capabilities=capabilities(host, every),
        rlimits=rlimits_of(host.ulimits, around.ulimits),
        no_new_privileges=around.no_new_privileges if unprivileged is None else unprivileged,
        apparmor_profile=security.apparmor_profile(host, around.facts),
        # Also 0 is said: a daemon that the kernel spares must not have its containers spared with it.
        oom_score_adj=host.oom_score_adj,
        hostname=config.hostname,
        domainname=config.domainname,
        readonly_rootfs=host.readonly_rootfs,
        rootfs_propagation=root_propagation(container),
        namespaces=_namespaces(container, around),
        mounts=(*_default_mounts(host, around), *_etc_mounts(container, around), *_user_mounts(container, around)),
        devices=tuple(device for device, _ in given),
        device_rules=(*bundle.default_device_rules(), *(rule for _, rule in given), *own_rules),
        resources=resources_of(host, around.numbers),
        sysctls=sysctls.in_config(host, network_kind(container)),
        seccomp=around.seccomp.profile,
        seccomp_bpf=around.seccomp.bpf,
        cgroups_path=around.cgroups_path,
        annotations=scope_annotations(around.cgroups_path) | host.annotations,
        **_paths(host),
    )
    if around.init_path:
        plain = bundle.with_init(plain, around.init_path)
    if host.privileged:
        plain = bundle.made_privileged(plain, around.facts)
    if around.cdi:
        plain = injected(plain, around.cdi)
    if options.writable_cgroups is not None:
        plain = bundle.with_cgroups(plain, writable=options.writable_cgroups)
    return bundle.fitted(plain, around.facts)


def lacking(host: HostConfig, facts: HostFacts) -> list[str]:
    """What of a request's limits this daemon has no right to give, for the client: a start lowers them."""
    return [
        *bundle.fitted_rlimits(rlimits_of(host.ulimits), facts)[1],
        *bundle.fitted_oom_score(host.oom_score_adj, facts)[1],
    ]


def _paths(host: HostConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if host.masked_paths is not None:
        found["masked_paths"] = tuple(host.masked_paths)
    if host.readonly_paths is not None:
        found["readonly_paths"] = tuple(host.readonly_paths)
    return found


def _namespaces(container: Container, around: Surroundings) -> Namespaces:
    host = container.host
    network = {
        "bridge": bundle.SHIM_NETWORK,
        "none": bundle.NEW,
        "host": bundle.HOST,
        "container": around.joined.network,
    }[network_kind(container)]
    return Namespaces(
        network=network,
        pid=_joined(host.pid_mode, around.joined.pid),
        ipc=_joined(host.ipc_mode, around.joined.ipc),
        uts=bundle.HOST if host.uts_mode == "host" else bundle.NEW,
        cgroup=bundle.NEW if _has_cgroup_namespace(host, around) else bundle.HOST,
    )


def _has_cgroup_namespace(host: HostConfig, around: Surroundings) -> bool:
    # Creation has set the mode; records of other makers may not say it.
    return host.cgroupns_mode == "private" or (host.cgroupns_mode == "" and around.unified_cgroups)


def scope_annotations(cgroups_path: str) -> dict[str, str]:
    """What the OCI runtimes tell systemd of a scope, where it makes the control group."""
    if cgroups_path.startswith("/"):
        return {}
    # A scope that the kernel's OOM killer ended does not stay in systemd's list of failures; and systemd gives each
    # scope a limit of tasks, which is not for it to set.
    return {
        "org.systemd.property.CollectMode": "'inactive-or-failed'",
        "org.systemd.property.TasksMax": f"uint64 {2**64 - 1}",
    }


def _joined(mode: str, path: str) -> str:
    if mode == "host":
        return bundle.HOST
    return path or bundle.NEW


def _default_mounts(host: HostConfig, around: Surroundings) -> Iterator[Mount]:
    """Docker's, less those that the user replaces by a mount of his own."""
    own = {request.target for request in mounts.requests_of(host)}
    if host.ipc_mode == "none":
        own.add("/dev/shm")
    source = bundle.HOST_SHM if host.ipc_mode == "host" else around.shm_of_other
    for mount in bundle.default_mounts(shm_size=host.shm_size or around.shm_size, shm_source=source):
        if mount.destination in own:
            continue
        if mount.type == "cgroup" and around.unified_cgroups and not _has_cgroup_namespace(host, around):
            # A new mount of version 2 in the host's namespace would change the options of the host's own.
            options = ("rbind", "rprivate", "nosuid", "noexec", "nodev", "rw" if host.privileged else "ro")
            yield Mount(mount.destination, "bind", mount.destination, options)
        else:
            yield mount


def _etc_mounts(container: Container, around: Surroundings) -> Iterator[Mount]:
    if container.config.network_disabled:
        return
    own = {mount.destination for mount in container.mounts}
    for name in etc_files.NAMES:
        if f"/etc/{name}" not in own:
            options = ("rbind", "rprivate", *(("ro",) if container.host.readonly_rootfs else ()))
            yield Mount(f"/etc/{name}", "bind", f"{around.etc}/{name}", options)


def _user_mounts(container: Container, around: Surroundings) -> list[Mount]:
    return user_mounts(
        container,
        around.sources,
        restrictions=around.restrictions,
        files=around.files,
        recursive_read_only=around.recursive_read_only,
    )
