"""Deleting a tree that somebody hostile may have made."""

import errno
import os
from pathlib import Path
from typing import Final

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path) -> None:
    """Deletes a directory with all in it; nothing there is fine. Follows no link, leaves no file system.

    Directories inside directories are first moved up to `path`: the deepest tree needs no recursion, no path longer
    than a name, and two descriptors.
    """
    try:
        top = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    path.rmdir()


def _empty(top: int) -> None:
    moved = 0
    while names := os.listdir(top):
        for name in names:
            if _is_removed(top, name):
                continue
            inner = os.open(name, _DIRECTORY, dir_fd=top)
            try:
                for child in os.listdir(inner):  # noqa: PTH208 (a descriptor)
                    if not _is_removed(inner, child):
                        moved = _move_up(inner, child, top, moved)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=top)


def _is_removed(directory: int, name: str) -> bool:
    """Deletes one entry; False for a directory with something in it."""
    try:
        os.unlink(name, dir_fd=directory)
        return True
    except IsADirectoryError:
        pass
    try:
        os.rmdir(name, dir_fd=directory)
        return True
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        return False


def _move_up(directory: int, name: str, top: int, number: int) -> int:
    """Moves a directory to `top` under a free name; returns the number after the one that it got."""
    while True:
        number += 1
        try:
            os.mkdir(f".{number}", dir_fd=top)
        except FileExistsError:
            continue
        # Over an empty directory rename(2) is allowed, and over nothing else that we could destroy.
        os.rename(name, f".{number}", src_dir_fd=directory, dst_dir_fd=top)
        return number
