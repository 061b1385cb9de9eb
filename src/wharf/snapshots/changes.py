"""What a container changed: its upper directory against the layers below. Blocks: call it in a thread.

The upper directory may be alive and its owner hostile, so it is walked by descriptors and follows no link. The layers
are ours and do not change: paths are safe there.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final

from wharf.linux import overlay
from wharf.linux.inside import open_beneath

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Made by the OCI runtime to mount something on. Empty and not in the image, they are nobody's change.
_MOUNT_POINTS: Final = frozenset(
    f"/{path}"
    for path in (
        *("dev", "dev/console", "dev/mqueue", "dev/pts", "dev/shm", "proc", "sys"),
        *("etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", ".dockerenv"),
    )
)

Lower = list[str]  # the directories that merge into one, topmost first


class Kind(IntEnum):
    """As the API numbers them."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


@dataclass(slots=True)
class Difference:
    """Changes by absolute path, the paths that are there for the runtime only, and the bytes of new and changed files.

    What lies in several places under several names is counted once.
    """

    changes: dict[str, Kind] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    size: int = 0

    def ordered(self) -> list[tuple[str, Kind]]:
        """All changes, directories before what is in them."""
        return sorted(self.changes.items(), key=lambda change: change[0].split("/"))


def difference(upper: Path, lower: Sequence[Path], *, whole: bool = False) -> Difference:
    """Compares an overlay's upper directory, or (`whole`) a full copy, with the directories below it, topmost first.

    A directory is modified when something in it is. Raises OSError.
    """
    walk = _Walk(whole)
    top = os.open(upper, _DIRECTORY)
    try:
        waiting: list[tuple[str, Lower]] = [("", [str(path) for path in lower])]
        while waiting:
            path, below = waiting.pop()
            waiting += walk.directory(top, path, below)
    finally:
        os.close(top)
    walk.settle()
    return walk.found


class _Walk:
    def __init__(self, whole: bool) -> None:
        self.found = Difference()
        self._whole = whole
        self._touched: list[str] = []  # directories of which only the time has changed
        self._counted: set[tuple[int, int]] = set()

    def directory(self, top: int, path: str, below: Lower) -> list[tuple[str, Lower]]:
        """Compares what is in one directory; gives its subdirectories."""
        try:
            here = open_beneath(top, path.lstrip("/") or ".", _DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return []  # gone meanwhile
        try:
            names = os.listdir(here)  # noqa: PTH208 - of a descriptor
            deeper = [found for name in names if (found := self._entry(here, path, name, below)) is not None]
            if below and (self._whole or overlay.is_opaque(here)):
                for name in _merged_names(below) - set(names):
                    self._record(f"{path}/{name}", Kind.DELETED)
        finally:
            os.close(here)
        return deeper

    def _entry(self, here: int, parent: str, name: str, below: Lower) -> tuple[str, Lower] | None:
        """Compares an entry. For a directory: its path, and what it is compared with."""
        path = f"{parent}/{name}"
        try:
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            return None
        old, old_below = _lookup(below, name)
        if overlay.is_whiteout(status):
            if old is not None:
                self._record(path, Kind.DELETED)
            return None
        if old is None:
            if path in _MOUNT_POINTS and _is_empty(here, name, status):
                self.found.hidden.append(path)
                return None
            self._record(path, Kind.ADDED)
            self._count(status)
        elif stat.S_ISDIR(status.st_mode) and old_below:
            self._compare_directories(path, status, old)
        elif not self._whole or not _is_same_file(status, old):
            self._record(path, Kind.MODIFIED)
            self._count(status)
        return (path, old_below) if stat.S_ISDIR(status.st_mode) else None

    def _compare_directories(self, path: str, status: os.stat_result, old: os.stat_result) -> None:
        if (status.st_mode, status.st_uid, status.st_gid) != (old.st_mode, old.st_uid, old.st_gid):
            self._record(path, Kind.MODIFIED)
        elif status.st_mtime_ns != old.st_mtime_ns:
            self._touched.append(path)

    def _record(self, path: str, kind: Kind) -> None:
        changes = self.found.changes
        changes[path] = kind
        while (path := path.rpartition("/")[0]) and path not in changes:
            changes[path] = Kind.MODIFIED

    def _count(self, status: os.stat_result) -> None:
        inode = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and inode not in self._counted:
            self._counted.add(inode)
            self.found.size += status.st_size

    def settle(self) -> None:
        """Directories with a new time are changes, unless only the runtime's mount points are new in them."""
        holders = {path.rpartition("/")[0] for path in self.found.hidden}
        for path in self._touched:
            if path in holders and path not in self.found.changes:
                self.found.hidden.append(path)
            else:
                self._record(path, self.found.changes.get(path, Kind.MODIFIED))


def _lookup(below: Lower, name: str) -> tuple[os.stat_result | None, Lower]:
    """The entry `name` of merged directories; for a directory also those that merge into it."""
    first: os.stat_result | None = None
    merged: Lower = []
    for directory in below:
        path = f"{directory}/{name}"
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        if not stat.S_ISDIR(status.st_mode):
            if first is None and not overlay.is_whiteout(status):
                return status, []
            break
        first = first or status
        merged.append(path)
        if overlay.is_opaque(path):
            break
    return first, merged


def _merged_names(below: Lower) -> set[str]:
    shown: set[str] = set()
    seen: set[str] = set()
    for directory in below:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name not in seen and not overlay.is_whiteout(entry.stat(follow_symlinks=False)):
                    shown.add(entry.name)
                seen.add(entry.name)
    return shown


def _is_empty(here: int, name: str, status: os.stat_result) -> bool:
    if not stat.S_ISDIR(status.st_mode):
        return stat.S_ISREG(status.st_mode) and status.st_size == 0
    try:
        descriptor = os.open(name, _DIRECTORY, dir_fd=here)
    except OSError:
        return False
    try:
        return not os.listdir(descriptor)  # noqa: PTH208 - of a descriptor
    finally:
        os.close(descriptor)


def _is_same_file(status: os.stat_result, old: os.stat_result) -> bool:
    return (status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns, status.st_rdev) == (
        old.st_mode,
        old.st_uid,
        old.st_gid,
        old.st_size,
        old.st_mtime_ns,
        old.st_rdev,
    )
