"""Mounts that are in no namespace yet: made, changed, and only then put where somebody sees them.

A descriptor of such a mount is all that keeps it; closing it before it was placed undoes it. Each call raises OSError
with the kernel's errno.
"""

import ctypes
import os
from typing import Final

from wharf.linux import syscall

_SYS_OPEN_TREE: Final = 428  # the numbers are the same on all architectures
_SYS_MOUNT_SETATTR: Final = 442
_AT_FDCWD: Final = -100
_AT_EMPTY_PATH: Final = 0x1000
_AT_RECURSIVE: Final = 0x8000
_OPEN_TREE_CLONE: Final = 1

_MOUNT_ATTR_IDMAP: Final = 0x100000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def clone(path: str, *, recursive: bool = False) -> int:
    """A mount that shows what is at `path`; with `recursive` also what is mounted below it."""
    return _open_tree(_AT_FDCWD, path, 0, recursive)


def clone_open(descriptor: int, *, recursive: bool = False) -> int:
    """A mount that shows the open file or directory, wherever its name leads to by now."""
    return _open_tree(descriptor, "", _AT_EMPTY_PATH, recursive)


def _open_tree(directory: int, path: str, flags: int, recursive: bool) -> int:
    flags |= _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    name = ctypes.c_char_p(os.fsencode(path))
    made = _libc.syscall(ctypes.c_long(_SYS_OPEN_TREE), ctypes.c_int(directory), name, ctypes.c_uint(flags))
    return _check(int(made), path)


def map_owners(mount: int, user_namespace: int, *, recursive: bool = True) -> None:
    """Owners are seen through the maps of a user namespace: an id on disk, which is one inside it, shows as the id
    that it has outside. EINVAL: the file system cannot do that.
    """
    _set(mount, _Attributes(set=_MOUNT_ATTR_IDMAP, userns=user_namespace), recursive)


def place_mapped(path: str, target: str, user_namespace: int, *, recursive: bool = False) -> None:
    """Mounts what is at `path` at `target` with owners as map_owners() shows them; mounts below it keep theirs."""
    mount = clone(path, recursive=recursive)
    try:
        map_owners(mount, user_namespace, recursive=False)
        syscall.move_mount(mount, target)
    finally:
        os.close(mount)


def _set(mount: int, attributes: _Attributes, recursive: bool) -> None:
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    done = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(mount),
        ctypes.c_char_p(b""),
        ctypes.c_uint(flags),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _check(int(done), "mount_setattr")
