"""Mounting what the options of a local volume name, where all processes of the host see it. All of it blocks."""

import os
import stat
from pathlib import Path

from wharf.errors import EngineError
from wharf.linux import loop, mountinfo, syscall
from wharf.volumes.mount_options import MountCall


def mount(call: MountCall, target: Path) -> None:
    """Mounts on `target`, unless something is mounted there. Raises EngineError in dockerd's words."""
    if is_mounted(target):
        return
    try:
        _mount(call, os.fspath(target))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EngineError(f"failed to mount local volume: {call.describe(str(target))}: {reason}") from error


def _mount(call: MountCall, target: str) -> None:
    if call.loop or (call.fstype and not call.flags & syscall.MS_BIND and _is_file(call.device)):
        # The device goes by itself when it is not mounted any more.
        with loop.attached(call.device, read_only=bool(call.flags & syscall.MS_RDONLY)) as device:
            syscall.mount(device, target, call.fstype, call.flags, call.data)
        return
    syscall.mount(call.device, target, call.fstype, call.flags, call.data)
    if call.flags & syscall.MS_BIND and call.flags & ~(syscall.MS_BIND | syscall.MS_REC):
        try:
            syscall.mount("", target, "", call.flags | syscall.MS_REMOUNT)
        except OSError:
            syscall.umount(target, syscall.UMOUNT_NOFOLLOW)
            raise


def _is_file(device: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(device).st_mode)  # noqa: PTH116
    except OSError:
        return False


def unmount(target: Path) -> None:
    """Unmounts `target`; fine when nothing is mounted there. What somebody still uses goes when they do."""
    while is_mounted(target):
        try:
            syscall.umount(os.fspath(target), syscall.UMOUNT_NOFOLLOW)
        except OSError:
            syscall.umount(os.fspath(target), syscall.UMOUNT_NOFOLLOW | syscall.MNT_DETACH)


def is_mounted(target: Path) -> bool:
    """Whether something is mounted on `target`, as far as the mount table says: no server is asked."""
    path = os.fspath(target.parent.resolve() / target.name)
    return any(entry.point == path for entry in mountinfo.read())
