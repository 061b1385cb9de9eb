"""Linux capabilities by name, and those that this process could give away."""

from pathlib import Path
from typing import Final

#: In the kernel's order: the index is the bit (linux/capability.h).
NAMES: Final = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)


def names_in(mask: int) -> frozenset[str]:
    """The capabilities of a bit mask. Bits newer than we know are left out."""
    return frozenset(name for bit, name in enumerate(NAMES) if mask >> bit & 1)


def parse_status(text: str, field: str = "CapBnd") -> frozenset[str]:
    """The capabilities in one field of a /proc/<pid>/status text; empty when it is not there."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return names_in(int(value, 16))
    return frozenset()


def available() -> frozenset[str]:
    """What this process can hand to a container: its bounding and permitted set."""
    text = Path("/proc/self/status").read_text()
    return parse_status(text, "CapBnd") & parse_status(text, "CapPrm")
