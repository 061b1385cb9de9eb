"""inotify: being told that files in a directory change."""

import ctypes
import os
from typing import Final

IN_MODIFY: Final = 0x2
IN_CLOSE_WRITE: Final = 0x8
IN_MOVED_TO: Final = 0x80
IN_CREATE: Final = 0x100
IN_DELETE: Final = 0x200
IN_DELETE_SELF: Final = 0x400

_libc = ctypes.CDLL(None, use_errno=True)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


def open_watch(path: str | os.PathLike[str], mask: int) -> int:
    """A non-blocking descriptor that becomes readable when `mask` happens at `path`; the caller closes it.

    Raises OSError, also when the user has as many watches as the kernel allows.
    """
    fd = int(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    if _libc.inotify_add_watch(fd, os.fsencode(path), mask) < 0:
        number = ctypes.get_errno()
        os.close(fd)
        raise OSError(number, os.strerror(number), os.fspath(path))
    return fd


def drain(fd: int) -> None:
    """Takes all events that wait, without looking at them."""
    try:
        while os.read(fd, 65536):
            pass
    except BlockingIOError:
        return
