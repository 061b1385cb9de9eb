"""Subvolumes of Btrfs: trees that are copied in no time (linux/btrfs.h). Each function raises OSError."""

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_SNAP_CREATE: Final = 0x50009401
_SUBVOL_CREATE: Final = 0x5000940E
_SNAP_DESTROY: Final = 0x5000940F
_LONGEST_NAME: Final = 4087
#: What every subvolume's top has as its number, and nothing else in a tree of Btrfs.
_TOP: Final = 256


def _ask(directory: int, request: int, name: str, source: int = 0) -> None:
    text = os.fsencode(name)
    if len(text) > _LONGEST_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), name)
    # A bytearray: what cannot be written to may have 1024 bytes only.
    fcntl.ioctl(directory, request, bytearray(struct.pack(f"q{_LONGEST_NAME + 1}s", source, text)))


def create(parent: Path, name: str) -> None:
    """Makes an empty subvolume. ENOTTY or EINVAL: `parent` is not on Btrfs."""
    directory = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _ask(directory, _SUBVOL_CREATE, name)
    finally:
        os.close(directory)


def snapshot(source: Path, parent: Path, name: str) -> None:
    """Makes a subvolume, `name` in `parent`, that shows what the subvolume `source` does now, and can be changed."""
    tree = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        directory = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _ask(directory, _SNAP_CREATE, name, tree)
        finally:
            os.close(directory)
    finally:
        os.close(tree)


def is_subvolume(path: Path) -> bool:
    """Whether a directory is the top of a subvolume, which counts as a device of its own."""
    status = path.lstat()
    return status.st_ino == _TOP and status.st_dev != path.parent.lstat().st_dev


def is_destroyed(directory: int, name: str) -> bool:
    """Deletes the subvolume `name` in the open `directory` with all in it; False for what is none."""
    if os.stat(name, dir_fd=directory, follow_symlinks=False).st_ino != _TOP:
        return False
    try:
        _ask(directory, _SNAP_DESTROY, name)
    except OSError:
        return False
    return True
