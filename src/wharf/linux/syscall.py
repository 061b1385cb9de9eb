"""System calls that Python 3.11 does not offer, by libc through ctypes. Each raises OSError with the kernel's errno.

Constants carry the kernel's names (linux/mount.h, linux/sched.h, linux/prctl.h).
"""

import ctypes
import os
from typing import Final

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_SYNCHRONOUS: Final = 0x10
MS_REMOUNT: Final = 0x20
MS_MANDLOCK: Final = 0x40
MS_DIRSYNC: Final = 0x80
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_UNBINDABLE: Final = 0x20000
MS_PRIVATE: Final = 0x40000
MS_SLAVE: Final = 0x80000
MS_SHARED: Final = 0x100000
MS_RELATIME: Final = 0x200000
MS_STRICTATIME: Final = 0x1000000

MNT_FORCE: Final = 0x1
MNT_DETACH: Final = 0x2
UMOUNT_NOFOLLOW: Final = 0x8

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

PR_SET_PDEATHSIG: Final = 1
_SIGKILL: Final = 9
PR_SET_NAME: Final = 15
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_CHILD_SUBREAPER: Final = 36

# The same numbers on every architecture.
_SYS_OPEN_TREE: Final = ctypes.c_long(428)
_SYS_MOVE_MOUNT: Final = ctypes.c_long(429)
_AT_FDCWD: Final = ctypes.c_int(-100)
_OPEN_TREE_EMPTY_PATH_CLONE: Final = ctypes.c_uint(0x1000 | 0x1 | os.O_CLOEXEC)
_MOVE_MOUNT_F_EMPTY_PATH_T_SYMLINKS: Final = ctypes.c_uint(0x4 | 0x10)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.unshare.argtypes = (ctypes.c_int,)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


def _raise(what: str | None = None) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), what)


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Relative paths are taken from the working directory, also those inside `data`."""
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), fstype.encode() or None, flags, os.fsencode(data) or None
    )
    if result != 0:
        _raise(target)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    if _libc.umount2(os.fsencode(target), flags) != 0:
        _raise(target)


def unshare(flags: int) -> None:
    """unshare(2): new namespaces for the calling thread."""
    if _libc.unshare(flags) != 0:
        _raise()


def setns(fd: int, kind: int = 0) -> None:
    """setns(2): moves the calling thread into the namespace that `fd` names; `kind` 0 takes any."""
    if _libc.setns(fd, kind) != 0:
        _raise()


def open_tree(directory: int) -> int:
    """open_tree(2) with OPEN_TREE_CLONE: a copy of the mount that `directory` is in, from there on, not yet mounted.

    The caller closes it. Since Linux 5.2.
    """
    path = ctypes.c_char_p(b"")
    result = int(_libc.syscall(_SYS_OPEN_TREE, ctypes.c_int(directory), path, _OPEN_TREE_EMPTY_PATH_CLONE))
    if result < 0:
        _raise()
    return result


def move_mount(tree: int, target: str) -> None:
    """move_mount(2): mounts what open_tree() has given on `target`, which may be a link."""
    source, place = ctypes.c_char_p(b""), ctypes.c_char_p(os.fsencode(target))
    flags = _MOVE_MOUNT_F_EMPTY_PATH_T_SYMLINKS
    if _libc.syscall(_SYS_MOVE_MOUNT, ctypes.c_int(tree), source, _AT_FDCWD, place, flags) != 0:
        _raise(target)


def prctl(option: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> int:
    """prctl(2) for the options whose arguments are numbers."""
    result = int(_libc.prctl(option, a, b, c, d))
    if result < 0:
        _raise()
    return result


def die_with(parent: int) -> bool:
    """Has the kernel kill this process when `parent`, which forked it, ends. False: that has ended before."""
    prctl(PR_SET_PDEATHSIG, _SIGKILL)
    return os.getppid() == parent


def set_process_name(name: str) -> None:
    """What ps shows in its `comm` column: 15 bytes at most."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    _libc.prctl(PR_SET_NAME, ctypes.addressof(buffer), 0, 0, 0)
