"""What this machine is and can do: facts for GET /info and /version."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wharf.linux import cgroups

_SYSTEMD: Final = ("/run/systemd/system", "/run/dbus/system_bus_socket")  # it is process 1, and can be spoken to
_OS_RELEASE: Final = (Path("/etc/os-release"), Path("/usr/lib/os-release"))


def cgroup_driver(asked: str, parent: str = "", *, root: str = cgroups.ROOT, systemd: Sequence[str] = _SYSTEMD) -> str:
    """Who makes the control groups of containers: "cgroupfs" (we do) or "systemd".

    Where nobody asks for one, systemd does where it owns a version 2 hierarchy: it wants to be the only one there.
    `parent` is the parent group that is asked for; one that is no slice can only be made by us.
    """
    if asked:
        return asked
    fits = not parent or cgroups.is_slice(parent)
    runs = cgroups.version(root) == cgroups.V2 and all(Path(path).exists() for path in systemd)
    return "systemd" if fits and runs else "cgroupfs"


def goes_down(*, systemd: Path = Path(_SYSTEMD[0])) -> bool:
    """Whether this machine is about to be switched off or to start again; False where systemd is not process 1.

    Blocks for some milliseconds, and for fifteen seconds at most.
    """
    if not systemd.exists():
        return False
    command = ("systemctl", "is-system-running")  # by systemd's own socket: the bus may have ended by now
    try:
        asked = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=15, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.stdout.strip() == b"stopping"


def os_release(text: str) -> dict[str, str]:
    """The assignments of os-release(5), without their quotes."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            found[name] = value.strip("\"'")
    return found


def operating_system() -> tuple[str, str]:
    """The distribution's name for people, and its version."""
    for path in _OS_RELEASE:
        if text := _read(path):
            facts = os_release(text)
            return facts.get("PRETTY_NAME", "Linux"), facts.get("VERSION_ID", "")
    return "Linux", ""


def memory_total() -> int:
    """Bytes of memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def ipv4_forwarding() -> bool:
    return _read(Path("/proc/sys/net/ipv4/ip_forward")).strip() == "1"


def bridge_filtering(table: str) -> bool:
    """Whether what bridges pass on goes through `iptables` or `ip6tables` (br_netfilter)."""
    return _read(Path(f"/proc/sys/net/bridge/bridge-nf-call-{table}")).strip() == "1"


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`, by the kernel's name for it ("ext4"); "" if unknown."""
    found, length = "", -1
    for line in _read(Path("/proc/self/mountinfo")).splitlines():
        left, _, right = line.partition(" - ")
        mounted = left.split()[4]
        inside = mounted == "/" or path == Path(mounted) or Path(mounted) in path.parents
        if inside and len(mounted) >= length:
            found, length = right.split()[0], len(mounted)
    return found


def has_system_bus() -> bool:
    """Whether there is a D-Bus for services of this machine, or should be."""
    return bool(os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")) or Path("/var/run/dbus/system_bus_socket").exists()


def open_files() -> int:
    """Descriptors that this process holds."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def apparmor_enabled(root: Path = Path("/sys")) -> bool:
    """Whether the kernel holds processes by AppArmor profiles."""
    enabled = _read(root / "module/apparmor/parameters/enabled").startswith("Y")
    return enabled and (root / "kernel/security/apparmor").exists()


def selinux_enabled(root: Path = Path("/sys")) -> bool:
    return (root / "fs/selinux/enforce").exists()


def seccomp_available() -> bool:
    return Path("/proc/sys/kernel/seccomp/actions_avail").exists()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
