"""One mount of a container, as a value, however the request wrote it. Pure."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from wharf.errors import InvalidArgument

PROPAGATIONS: Final = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
#: How far a read-only bind is read-only: with all that is mounted below where the kernel can ("usual"), only itself
#: ("top"), or with all below and no start where the kernel cannot ("all").
Depth = Literal["usual", "top", "all"]
#: What may hide a file of /proc: it tells of limits or is of no account, and what some (lxcfs) show instead is truer.
_PROC_FILES: Final = frozenset(
    f"/proc/{name}"
    for name in (
        *("cpuinfo", "diskstats", "loadavg", "meminfo", "slabinfo", "stat", "swaps", "uptime"),
        *("net/dev", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"),
    )
)


@dataclass(frozen=True, slots=True)
class MountRequest:
    """One mount below the container's root."""

    kind: Literal["bind", "volume", "tmpfs", "image"]
    source: str  # host path of a bind, name of a volume ("" is anonymous) or of an image, "" for tmpfs
    target: str
    read_only: bool = False
    propagation: str = ""  # binds; "" is rprivate
    recursive: bool = True  # binds: with what is mounted below the source
    depth: Depth = "usual"  # of what is read-only
    create_source: bool = False  # binds: a missing directory is made, as -v does and --mount does not
    copy: bool = True  # volumes: filled with what the image has there when it is empty
    subpath: str = ""  # volumes and images: only what is there is mounted
    driver: str = ""  # volumes: "" takes the one that there is, else local
    driver_options: Mapping[str, str] = field(default_factory=dict)  # of a volume that is made
    labels: Mapping[str, str] = field(default_factory=dict)  # of a volume that is made
    options: tuple[str, ...] = ()  # tmpfs: mount options
    mode: str = ""  # as inspect shows it

    def __post_init__(self) -> None:
        """Raises InvalidArgument for what would hide the kernel's /proc: so runc does it, and crun does not."""
        if f"{self.target}/".startswith("/proc/") and self.target not in _PROC_FILES:
            if self.target != "/proc":
                raise InvalidArgument(f'"{self.target}" cannot be mounted because it is inside /proc')
            if (self.kind, self.source) != ("bind", "/proc"):
                raise InvalidArgument('"/proc" cannot be mounted because it is not of type proc')


def target_of(text: str) -> str:
    """A mount point in its shortest form. Raises InvalidArgument."""
    path = posixpath.normpath(text).replace("//", "/") if text else ""
    if path == "/":
        raise InvalidArgument("invalid specification: destination can't be '/'")
    return absolute(text) and path


def absolute(text: str) -> str:
    """The path as it is. Raises InvalidArgument for one that depends on where somebody stands."""
    if not text.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{text}' mount path must be absolute")
    return text
