"""openat2(2): opening a path that cannot leave a directory, whatever links somebody has put below it."""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SYS_OPENAT2: Final = 437  # the same number on every architecture
_TRIES: Final = 128

RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_NO_SYMLINKS: Final = 0x04
RESOLVE_BENEATH: Final = 0x08
RESOLVE_IN_ROOT: Final = 0x10

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _openat2(directory: int, path: str, flags: int, resolve: int) -> int:
    how = _How(flags | os.O_CLOEXEC, 0, resolve)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    name = ctypes.c_char_p(os.fsencode(path))
    for _ in range(_TRIES):
        fd = int(_libc.syscall(ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(directory), name, ctypes.byref(how), size))
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        # EAGAIN: something was renamed meanwhile, and the kernel cannot rule out that `..` led outside.
        if number != errno.EAGAIN:
            break
    raise OSError(number, os.strerror(number), path)


def open_in_root(root: int, path: str, flags: int) -> int:
    """Opens an existing `path` as a process would whose root is the directory `root`. The caller closes it."""
    return _openat2(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def open_beneath(directory: int, path: str, flags: int) -> int:
    """Opens an existing relative `path` that has no symbolic link in it (ELOOP otherwise). The caller closes it."""
    return _openat2(directory, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)


@contextmanager
def opened(path: str | Path) -> Iterator[int]:
    """A descriptor of what is at `path`, which can be neither read nor written, while the block runs."""
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def opened_beneath(directory: int, path: str) -> Iterator[int]:
    """As opened(), for a relative `path` that has no symbolic link in it; ELOOP for one that has."""
    fd = open_beneath(directory, path, os.O_PATH)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def opened_within(directory: int, path: str) -> Iterator[int]:
    """As opened(), for a relative `path` whose links may lead anywhere below `directory`; EXDEV for one that leaves."""
    fd = _openat2(directory, path, os.O_PATH, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
    try:
        yield fd
    finally:
        os.close(fd)
