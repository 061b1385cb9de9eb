"""Mounts as values, and the calls that make and undo them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RESTRICTIONS: Final = {
    os.ST_RDONLY: "ro",
    os.ST_NOSUID: "nosuid",
    os.ST_NODEV: "nodev",
    os.ST_NOEXEC: "noexec",
    os.ST_NOATIME: "noatime",
    os.ST_NODIRATIME: "nodiratime",
}


@dataclass(frozen=True, slots=True)
class RootMount:
    """One mount(2) that makes a container's root. Relative paths in `data` are relative to `directory`."""

    fstype: str  # "overlay", or "bind" for drivers whose root is a plain directory (then `source` is that directory)
    source: str
    data: str
    directory: Path


def restrictions(path: str) -> tuple[str, ...]:
    """The options of mount(8) that say what the mount at `path` does not allow. Raises OSError. May block."""
    flags = os.statvfs(path).f_flag
    return tuple(option for flag, option in _RESTRICTIONS.items() if flags & flag)
