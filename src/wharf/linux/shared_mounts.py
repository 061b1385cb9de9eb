"""A directory as a mount of its own, whose mounts are seen by all who have bound it."""

import os
from pathlib import Path

from wharf.linux import mountinfo, syscall


def share(path: str) -> None:
    """What is mounted below `path` from now on, here or in a bind of it, is mounted in both. Idempotent.

    It is a directory, and itself no link. Raises OSError.
    """
    path = _whole(path)
    if not _is_done(path):
        withdraw(path)
        syscall.mount(path, path, flags=syscall.MS_BIND)
        # Apart from the mount that it is in, which may be shared too: there all would be mounted a second time.
        syscall.mount("none", path, flags=syscall.MS_PRIVATE)
        syscall.mount("none", path, flags=syscall.MS_SHARED)


def withdraw(path: str) -> None:
    """Undoes share(), with all that is mounted below; fine where that was not done. Raises OSError."""
    path = _whole(path)
    while _is_mounted(path):
        # At once and as a whole: nobody looks up a path below, where others may have put links.
        syscall.umount(path, syscall.MNT_DETACH | syscall.UMOUNT_NOFOLLOW)


def _whole(path: str) -> str:
    """As the kernel lists it. What is mounted at `path` itself is not asked: it may be a server that never answers."""
    place = Path(path)
    return str(Path(os.path.realpath(place.parent), place.name))


def _is_done(path: str) -> bool:
    """Whether share() came to its end. Who was killed in the middle of it left a mount that nobody else sees into, or
    that belongs to the group of the mount that it is in.
    """
    entries = mountinfo.read()
    ours = next((entry for entry in entries if entry.point == path), None)
    around = mountinfo.containing((entry for entry in entries if entry.point != path), path)
    return ours is not None and ours.shared and ours.group != around.group


def _is_mounted(path: str) -> bool:
    return any(entry.point == path for entry in mountinfo.read())
