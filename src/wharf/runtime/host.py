"""What this host can give to containers, looked up once."""

import glob
import os
import resource
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from wharf.linux import apparmor, capabilities
from wharf.linux.host import apparmor_enabled, selinux_enabled
from wharf.runtime import apparmor_profile
from wharf.runtime.bundle import DEFAULT_MASKED_PATHS, Device, HostFacts

#: Made anew in every container.
_OWN: Final = frozenset(
    {"/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd", "/dev/console", "/dev/.lxc", "/dev/.lxd-mounts"}
)


@cache
def facts() -> HostFacts:
    """The host's capabilities and limits. Devices change, so they are left to devices()."""
    names = capabilities.available()
    may_raise = "CAP_SYS_RESOURCE" in names
    limits = {name: resource.getrlimit(number)[1] for name, number in _limits()}
    score = int(Path("/proc/self/oom_score_adj").read_text())
    return HostFacts(
        names,
        {} if may_raise else limits,
        lowest_oom_score_adj=-1000 if may_raise else score,
        apparmor=apparmor_enabled(),
        apparmor_profile=apparmor_profile.NAME if apparmor_enabled() and apparmor.parser() else "",
        selinux=selinux_enabled(),
    )


@cache
def masked_paths(processors: str = "/sys/devices/system/cpu") -> tuple[str, ...]:
    """What ordinary containers of this host must not see.

    That is the same everywhere but for the heat of each processor, which tells of the work of others.
    """
    return DEFAULT_MASKED_PATHS + tuple(sorted(glob.glob(f"{processors}/cpu[0-9]*/thermal_throttle")))  # noqa: PTH207


def _limits() -> Iterator[tuple[str, int]]:
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            yield name, getattr(resource, name)


def devices(path: str = "/dev") -> tuple[Device, ...]:
    """All device nodes of the host, for privileged containers."""
    return tuple(_devices(path))


def _devices(path: str) -> Iterator[Device]:
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.path in _OWN:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _devices(entry.path)
        elif not entry.is_symlink() and (device := device_at(entry.path)) is not None:
            yield device


def device_at(path: str, inside: str = "") -> Device | None:
    """The device node at `path` of the host, to appear as `inside`; None if there is no device."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    if stat.S_ISCHR(status.st_mode):
        kind = "c"
    elif stat.S_ISBLK(status.st_mode):
        kind = "b"
    else:
        return None
    major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    mode = stat.S_IMODE(status.st_mode)
    return Device(inside or path, kind, major, minor, mode, status.st_uid, status.st_gid)
