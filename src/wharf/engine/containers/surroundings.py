"""What one start finds on the host: users of the image, device nodes, the seccomp filter. Reads, changes nothing."""

import asyncio
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from wharf.apitypes.containers import HostConfig
from wharf.engine.cdi import resolving
from wharf.engine.config import EngineConfig
from wharf.engine.containers import bundling, devices, security
from wharf.engine.containers.record import Container
from wharf.engine.containers.resources import devices_of
from wharf.engine.containers.sharing import Joined
from wharf.engine.containers.sources import Opened, placed_by_shim
from wharf.errors import EngineError, InvalidArgument
from wharf.linux import capabilities, cgroup_limits, cgroups
from wharf.linux.cgroup_features import CgroupFeatures, cgroup_features
from wharf.linux.host import cgroup_driver
from wharf.runtime import apparmor_profile, records, users
from wharf.runtime.apparmor_profile import DefaultProfile
from wharf.runtime.bundle import HostFacts
from wharf.runtime.contract import Launch
from wharf.runtime.host import devices as all_devices
from wharf.runtime.host import facts
from wharf.runtime.programs import find_init
from wharf.runtime.seccomp_cache import SeccompCache
from wharf.runtime.seccomp_profile import default_profile, needs_runtime, parse_profile
from wharf.snapshots.contract import Snapshots
from wharf.spec.cdi import ContainerEdits

CGROUP_PARENT: Final = "/wharf"
#: Characters of an image's files from which other requests would feel how long they take.
LARGE_TEXT: Final = 1 << 16
#: Seccomp filters of the default profile that are kept; each takes some 30 KiB.
_MOST_DEFAULTS: Final = 64


@dataclass(frozen=True, slots=True)
class View:
    """What of a start its shim and its config.json both depend on."""

    joined: Joined
    etc: Path  # directory with hosts, hostname and resolv.conf
    user: users.User
    sources: Opened


@dataclass(slots=True)
class Host:
    """The facts of the host that no start changes."""

    config: EngineConfig
    snapshots: Snapshots
    filters: SeccompCache
    armor: DefaultProfile
    facts: HostFacts
    every: frozenset[str]
    features: CgroupFeatures
    cgroup_driver: str  # "cgroupfs" or "systemd"
    own_procs: str  # the cgroup.procs that the daemon itself is listed in
    _defaults: dict[tuple[frozenset[str], bool], bundling.Seccomp] = field(default_factory=dict)

    @classmethod
    def read(cls, config: EngineConfig, snapshots: Snapshots) -> "Host":
        return cls(
            config=config,
            snapshots=snapshots,
            filters=SeccompCache(config.data_root / "cache"),
            armor=DefaultProfile(),
            facts=facts(),
            every=frozenset(capabilities.NAMES),
            features=cgroup_features(),
            cgroup_driver=cgroup_driver(config.cgroup_driver, config.cgroup_parent),
            own_procs=cgroups.own_procs_file(),
        )

    @property
    def unified(self) -> bool:
        """Whether control groups are those of version 2 alone."""
        return self.features.version == "2"

    async def surround(
        self, container: Container, launch: Launch, view: View, link_variables: tuple[str, ...]
    ) -> bundling.Surroundings:
        """All that bundling.spec() needs to know for a start of `container`."""
        host = container.host
        if security.apparmor_profile(host, self.facts) == apparmor_profile.NAME and not self.armor.is_loaded:
            await asyncio.to_thread(self.armor.load)
        return bundling.Surroundings(
            facts=replace(self.facts, devices=all_devices()) if host.privileged else self.facts,
            user=view.user,
            etc=view.etc,
            cgroups_path=launch.cgroups_path,
            unified_cgroups=self.unified,
            link_variables=link_variables,
            joined=view.joined,
            shm_of_other=str(launch.bundle / records.SHM) if view.joined.shm else "",
            init_path=self._init(host),
            shm_size=self.config.shm_size,
            ulimits=self.config.default_ulimits,
            devices=await devices.found(host.devices),
            cdi=await self._by_name(host),
            numbers=block_devices(devices_of(host)),
            seccomp=self._seccomp(host, launch.runtime),
            no_new_privileges=self.config.no_new_privileges,
            sources=view.sources.paths | placed_by_shim(view.sources.mounts, launch.bundle),
            restrictions=view.sources.restrictions,
            files=view.sources.files,
            recursive_read_only=_kernel() >= (5, 12),
        )

    def cgroups_path(self, id: str, host: HostConfig) -> str:
        """As config.json names the group of a container, for the driver that is set."""
        parent = self.cgroup_parent(host)
        return f"{parent}:wharf:{id}" if self.cgroup_driver == "systemd" else f"{parent}/{id}"

    def cgroup_parent(self, host: HostConfig) -> str:
        """The parent of the container's group. Raises InvalidArgument for one that cannot be."""
        parent = host.cgroup_parent or self.config.cgroup_parent
        if self.cgroup_driver == "systemd":
            if parent and not cgroups.is_slice(parent):
                raise InvalidArgument('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"')
            return parent or "system.slice"
        if ".." in parent.split("/"):
            raise InvalidArgument(f"invalid cgroup parent: {parent}")
        return "/" + parent.strip("/") if parent.strip("/") else CGROUP_PARENT

    def grant_realtime(self, container: Container, group: str) -> None:
        """Lets the control group have the real-time CPU time that the container asks for. Raises OSError."""
        if container.host.cpu_realtime_runtime or container.host.cpu_realtime_period:
            period, runtime = self.config.cpu_realtime_period, self.config.cpu_realtime_runtime
            cgroup_limits.grant_realtime(group, period=period, runtime=runtime)

    async def own_user(self, container: Container) -> users.User:
        """Whom the container itself runs as. A name that is not there is no fault of who starts it."""
        try:
            return await self.user(container, container.config.user)
        except InvalidArgument as error:
            raise EngineError(str(error)) from None

    async def user(self, container: Container, text: str) -> users.User:
        """Whom `text` means in the container. Raises InvalidArgument for a name that is not there."""
        writable = self.snapshots.of(container.id)
        known = _text(writable.read_file("/etc/passwd")), _text(writable.read_file("/etc/group"))
        if sum(map(len, known)) > LARGE_TEXT:
            return await asyncio.to_thread(users.resolve, text, *known, container.host.group_add)
        return users.resolve(text, *known, container.host.group_add)

    async def _by_name(self, host: HostConfig) -> tuple[ContainerEdits, ...]:
        """What the devices add that are asked for by name."""
        if not host.device_requests:
            return ()
        return await asyncio.to_thread(resolving.resolved, host.device_requests, self.config.cdi_spec_dirs)

    def _init(self, host: HostConfig) -> str:
        if not (self.config.init if host.init is None else host.init):
            return ""
        if self.config.init_path is not None:
            return str(self.config.init_path)
        return find_init()

    def _seccomp(self, host: HostConfig, runtime: str) -> bundling.Seccomp:
        own = security.parse(host.security_opt).seccomp
        chosen = own or self.config.seccomp_profile
        if host.privileged or chosen == security.UNCONFINED:
            return bundling.Seccomp()
        allowed = frozenset(bundling.capabilities(host, self.every))
        by_runtime = runtime.rpartition("/")[2] != "crun"
        if chosen in security.SECCOMP_NAMES:
            return self._default_seccomp(allowed, by_runtime=by_runtime)
        # The client has read its file; the daemon's option is the name of one.
        text = own or _read_profile(chosen)
        profile = parse_profile(text, allowed, architecture=os.uname().machine, kernel=_kernel())
        if by_runtime or needs_runtime(profile):
            return bundling.Seccomp(profile=profile)
        return bundling.Seccomp(profile=profile, bpf=self.filters.compiled(profile))

    def _default_seccomp(self, allowed: frozenset[str], *, by_runtime: bool) -> bundling.Seccomp:
        """Made once for each set of capabilities: nearly all containers have the same."""
        if (known := self._defaults.get((allowed, by_runtime))) is not None:
            return known
        profile = default_profile(allowed, architecture=os.uname().machine, kernel=_kernel())
        made = bundling.Seccomp(profile=profile, bpf=b"" if by_runtime else self.filters.compiled(profile))
        if len(self._defaults) >= _MOST_DEFAULTS:
            self._defaults.clear()
        self._defaults[allowed, by_runtime] = made
        return made


@cache
def _kernel() -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _read_profile(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise EngineError(f"opening seccomp profile ({path}) failed: {error.strerror}") from None


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace")


def block_devices(paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Major and minor number of each block device. Raises InvalidArgument for what is none."""
    found = {}
    for path in paths:
        try:
            status = Path(path).stat()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such file or directory"
            raise InvalidArgument(f"stat {path}: {reason.lower()}") from None
        if not stat.S_ISBLK(status.st_mode):
            raise InvalidArgument(f"{path} is not a block device")
        found[path] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return found
