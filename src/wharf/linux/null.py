"""A null device of our own, for programs that change the owner of what they are given.

crun before 1.10 gives a container's stdio to the container's user, also where that is /dev/null: with the host's own
node an image's user could then change its mode for the whole host.
"""

import ctypes
import os
import stat
from typing import Final

# The same on all architectures.
_SYS_FSOPEN: Final = 430
_SYS_FSCONFIG: Final = 431
_SYS_FSMOUNT: Final = 432
_FSOPEN_CLOEXEC: Final = 1
_FSCONFIG_CMD_CREATE: Final = 6
_FSMOUNT_CLOEXEC: Final = 1

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def open_private_null() -> int:
    """A descriptor of a null device that no path leads to, open for reading and writing. The caller closes it.

    Where the kernel refuses (before 5.2, or without the right to make nodes) it is the host's /dev/null.
    """
    try:
        return _made()
    except OSError:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def _made() -> int:
    context = _call(_SYS_FSOPEN, ctypes.c_char_p(b"tmpfs"), ctypes.c_uint(_FSOPEN_CLOEXEC))
    try:
        nothing = (ctypes.c_void_p(None), ctypes.c_void_p(None), ctypes.c_int(0))
        _call(_SYS_FSCONFIG, ctypes.c_int(context), ctypes.c_uint(_FSCONFIG_CMD_CREATE), *nothing)
        mounted = _call(_SYS_FSMOUNT, ctypes.c_int(context), ctypes.c_uint(_FSMOUNT_CLOEXEC), ctypes.c_uint(0))
    finally:
        os.close(context)
    try:
        os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3), dir_fd=mounted)
        os.chmod("null", 0o666, dir_fd=mounted)
        return os.open("null", os.O_RDWR | os.O_CLOEXEC, dir_fd=mounted)
    finally:
        os.close(mounted)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
