"""What one start finds on the host: users of the image, device nodes, the seccomp filter. Reads, changes nothing."""

import asyncio
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wharf.apitypes.containers import HostConfig
from wharf.engine.config import EngineConfig
from wharf.engine.containers import bundling
from wharf.engine.containers.record import Container
from wharf.errors import EngineError, InvalidArgument, NotImplementedByUs
from wharf.linux import capabilities, cgroups
from wharf.runtime import seccomp_profile, users
from wharf.runtime.bundle import Device, HostFacts
from wharf.runtime.host import facts
from wharf.snapshots.contract import Snapshots

#: Programs that can be a container's init, in the order of preference. They must be static: they run in any image.
INIT_PROGRAMS: Final = ("docker-init", "catatonit", "tini-static", "tini")
CGROUP_PARENT: Final = "/wharf"


@dataclass(slots=True)
class Host:
    """The facts of the host that no start changes."""

    config: EngineConfig
    snapshots: Snapshots
    filters: "seccomp_profile.Filters"
    facts: HostFacts
    every: frozenset[str]
    unified: bool

    @classmethod
    def read(cls, config: EngineConfig, snapshots: Snapshots) -> "Host":
        return cls(
            config=config,
            snapshots=snapshots,
            filters=seccomp_profile.Filters(config.data_root / "cache"),
            facts=facts(),
            every=frozenset(capabilities.NAMES),
            unified=cgroups.version() == cgroups.V2,
        )

    async def surround(
        self, container: Container, *, etc: Path, runtime: str, network_pid: int, pid_pid: int
    ) -> bundling.Surroundings:
        """All that bundling.spec() needs to know for a start of `container`."""
        host = container.host
        return bundling.Surroundings(
            facts=self.facts,
            identity=await self._identity(container),
            etc=etc,
            cgroups_path=self.cgroups_path(container),
            unified_cgroups=self.unified,
            network_pid=network_pid,
            pid_pid=pid_pid,
            init_path=self._init(host),
            shm_size=self.config.shm_size,
            ulimits=self.config.default_ulimits,
            devices={mapping.path_on_host: tuple(nodes(mapping.path_on_host)) for mapping in host.devices},
            numbers=_numbers(host),
            seccomp=self._seccomp(host, runtime),
            no_new_privileges=self.config.no_new_privileges,
        )

    def cgroups_path(self, container: Container) -> str:
        """As config.json names it, for the driver that is set."""
        parent = container.host.cgroup_parent or self.config.cgroup_parent
        if self.config.cgroup_driver == "systemd":
            return f"{parent or 'system.slice'}:wharf:{container.id}"
        if ".." in parent.split("/"):
            raise InvalidArgument(f"invalid cgroup parent: {parent}")
        return f"{'/' + parent.strip('/') if parent else CGROUP_PARENT}/{container.id}"

    async def _identity(self, container: Container) -> users.Identity:
        passwd, group = await asyncio.gather(
            self.snapshots.read_file(container.id, "/etc/passwd"), self.snapshots.read_file(container.id, "/etc/group")
        )
        return users.identify(
            container.config.user,
            passwd=(passwd or b"").decode(errors="replace"),
            group=(group or b"").decode(errors="replace"),
            additional=container.host.group_add,
        )

    def _init(self, host: HostConfig) -> str:
        if not (self.config.init if host.init is None else host.init):
            return ""
        if self.config.init_path is not None:
            return str(self.config.init_path)
        for name in INIT_PROGRAMS:
            if found := shutil.which(name):
                return found
        raise EngineError("no init program found on the host for --init: install tini or catatonit, or set init-path")

    def _seccomp(self, host: HostConfig, runtime: str) -> bundling.Seccomp:
        chosen = bundling.security_options(host).get("seccomp") or self.config.seccomp_profile
        if host.privileged or chosen == "unconfined":
            return bundling.Seccomp()
        allowed = frozenset(bundling.capabilities(host, self.every))
        profile = self._own_profile(chosen) if chosen not in ("", "builtin") else seccomp_profile.profile(allowed)
        if runtime.rpartition("/")[2] != "crun":
            return bundling.Seccomp(profile=profile)
        return bundling.Seccomp(profile=profile, bpf=self.filters.compiled(profile))

    @staticmethod
    def _own_profile(text: str) -> dict[str, object]:
        """A profile that the user gave: as JSON, or (the daemon's) as a path."""
        try:
            document = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
        except (OSError, ValueError) as error:
            raise InvalidArgument(f"Decoding seccomp profile failed: {error}") from None
        if not isinstance(document, dict):
            raise InvalidArgument("Decoding seccomp profile failed: not a JSON object")
        return document


def nodes(path: str) -> Iterator[Device]:
    """The device node at `path`, or all below it when it is a directory. Raises EngineError when there is none."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise EngineError(
            f'error gathering device information while adding custom device "{path}": {error.strerror}'
        ) from None
    if stat.S_ISDIR(found.st_mode):
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False) or _is_node(entry.stat(follow_symlinks=False).st_mode):
                yield from nodes(entry.path)
    elif _is_node(found.st_mode):
        kind = "b" if stat.S_ISBLK(found.st_mode) else "c"
        mode = stat.S_IMODE(found.st_mode)
        yield Device(
            path, kind, os.major(found.st_rdev), os.minor(found.st_rdev), mode=mode, uid=found.st_uid, gid=found.st_gid
        )
    else:
        raise EngineError(f'error gathering device information while adding custom device "{path}": not a device node')


def _is_node(mode: int) -> bool:
    return stat.S_ISBLK(mode) or stat.S_ISCHR(mode)


def _numbers(host: HostConfig) -> dict[str, tuple[int, int]]:
    """Major and minor number of each throttled block device."""
    limits: Iterable[str] = (
        limit.path
        for group in (
            host.blkio_device_read_bps,
            host.blkio_device_write_bps,
            host.blkio_device_read_iops,
            host.blkio_device_write_iops,
        )
        for limit in group
    )
    found = {}
    for path in limits:
        try:
            number = os.stat(path).st_rdev
        except OSError as error:
            raise EngineError(f"cannot stat device {path}: {error.strerror}") from None
        found[path] = (os.major(number), os.minor(number))
    return found
