"""Block devices over files (loop(4))."""

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LOOP_CTL_GET_FREE: Final = 0x4C82
_LOOP_CONFIGURE: Final = 0x4C0A
_LOOP_GET_STATUS64: Final = 0x4C05
_LO_FLAGS_READ_ONLY: Final = 1
_LO_FLAGS_AUTOCLEAR: Final = 4
_TRIES: Final = 64


class _Info(ctypes.Structure):
    """struct loop_info64."""

    _fields_ = (
        ("numbers", ctypes.c_uint64 * 5),
        ("number", ctypes.c_uint32),
        ("encryption", ctypes.c_uint32 * 2),
        ("flags", ctypes.c_uint32),
        ("file_name", ctypes.c_char * 64),
        ("rest", ctypes.c_char * 112),
    )


class _Status(ctypes.Structure):
    """The beginning of struct loop_info64, as LOOP_GET_STATUS64 fills it."""

    _fields_ = (
        ("device", ctypes.c_uint64),
        ("inode", ctypes.c_uint64),
        ("rest", ctypes.c_char * 216),
    )


class _Config(ctypes.Structure):
    """struct loop_config."""

    _fields_ = (
        ("fd", ctypes.c_uint32),
        ("block_size", ctypes.c_uint32),
        ("info", _Info),
        ("reserved", ctypes.c_uint64 * 8),
    )


@contextmanager
def attached(path: str, *, read_only: bool = False) -> Iterator[str]:
    """A block device with the content of the file, until it is neither open nor mounted. Raises OSError."""
    file = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
    try:
        name, device = _attach(file, path, read_only=read_only)
    finally:
        os.close(file)
    try:
        yield name
    finally:
        os.close(device)


def _attach(file: int, path: str, *, read_only: bool) -> tuple[str, int]:
    """The device that is there already, else a new one: two would be file systems that know nothing of each other."""
    if (present := _attached(file, read_only=read_only)) is not None:
        return present
    flags = _LO_FLAGS_AUTOCLEAR | (_LO_FLAGS_READ_ONLY if read_only else 0)
    config = _Config(fd=file, info=_Info(flags=flags, file_name=os.fsencode(path)[:63]))
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_TRIES):
            name = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
            device = os.open(name, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, config)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # somebody else was faster
                    raise
                continue
            return name, device
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)


def _attached(file: int, *, read_only: bool) -> tuple[str, int] | None:
    """The device that is over the file already, open."""
    wanted = os.fstat(file)
    for backing in Path("/sys/block").glob("loop*/loop"):
        name = f"/dev/{backing.parent.name}"
        try:
            device = os.open(name, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
        except OSError:
            continue
        status = _Status()
        try:
            fcntl.ioctl(device, _LOOP_GET_STATUS64, status)
        except OSError:
            status.inode = 0  # it has just gone
        if (status.device, status.inode) == (wanted.st_dev, wanted.st_ino):
            return name, device
        os.close(device)
    return None
