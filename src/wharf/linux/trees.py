"""Directory trees that somebody hostile may have made: their size, and their removal. Links are never followed."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from wharf.linux import btrfs
from wharf.linux.inside import open_beneath

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: The kernel takes paths of less than 4096 bytes; a longer way is gone in pieces, each from a descriptor.
_LONGEST_PIECE: Final = 3072


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
    """Deletes one entry, a subvolume with all in it; False for a directory with something in it."""
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
        return btrfs.is_destroyed(directory, name)


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


class _Start:
    """A directory from which paths are short enough. It is closed when no path needs it any more."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


def tree_size(path: Path) -> int:
    """Bytes of the files below a directory; a file with several names counts once. Blocks.

    What goes away meanwhile does not count.
    """
    try:
        todo = [(_Start(os.open(path, _DIRECTORY)), ".")]
    except FileNotFoundError:
        return 0
    total = 0
    seen: set[tuple[int, int]] = set()
    while todo:
        start, way = todo.pop()
        try:
            descriptor = open_beneath(start.descriptor, way, _DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            continue
        here = _Start(descriptor)
        if len(os.fsencode(way)) > _LONGEST_PIECE:
            start, way = here, "."
        total += _look(here, seen, todo, start, way)
    return total


def _look(here: _Start, seen: set[tuple[int, int]], todo: list[tuple[_Start, str]], start: _Start, way: str) -> int:
    """Bytes of the files in one directory; its directories are added to `todo`."""
    total = 0
    with os.scandir(here.descriptor) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    todo.append((start, f"{way}/{entry.name}"))
                elif stat.S_ISREG(status.st_mode) and _is_new(status, seen):
                    total += status.st_size
    return total


def _is_new(status: os.stat_result, seen: set[tuple[int, int]]) -> bool:
    if status.st_nlink == 1:
        return True
    key = (status.st_dev, status.st_ino)
    known = key in seen
    seen.add(key)
    return not known
