"""Looks into stacked layers as overlayfs would show them, without a mount.

Every step is one openat(2) that follows nothing, so that links lead to places inside the stack only.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wharf.linux import overlay

LARGEST_FILE: Final = 1 << 20  # bytes; it is read, and often parsed, between other requests
_MOST_LINKS: Final = 40
_STEP: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

_Stack = list[int]  # O_PATH descriptors of the directories that make one, topmost first


@dataclass(frozen=True, slots=True)
class Found:
    descriptor: int  # O_PATH
    status: os.stat_result


class _Lookup:
    """One walk; every descriptor it opens is in `opened`, and closed by close()."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.opened: list[int] = []
        self._root: _Stack = [self._keep(os.open(root, _STEP | os.O_DIRECTORY)) for root in roots]

    def _keep(self, descriptor: int) -> int:
        self.opened.append(descriptor)
        return descriptor

    def close(self) -> None:
        for descriptor in self.opened:
            os.close(descriptor)

    def walk(self, path: str, *, follow: bool) -> Found | None:
        """What `path` is; with `follow` also a link at its end is followed. None when there is nothing."""
        trail: list[_Stack] = [self._root]
        todo = [part for part in path.split("/") if part not in ("", ".")]
        links = 0
        found = Found(self._root[0], os.fstat(self._root[0]))
        while todo:
            part = todo.pop(0)
            if part == "..":
                trail = trail[:-1] or [self._root]
                found = Found(trail[-1][0], os.fstat(trail[-1][0]))
                continue
            step = self._step(trail[-1], part)
            if step is None:
                return None
            found, stack = step
            if stat.S_ISLNK(found.status.st_mode) and (todo or follow):
                links += 1
                if links > _MOST_LINKS:
                    return None
                target = os.readlink("", dir_fd=found.descriptor)
                if target.startswith("/"):
                    trail = [self._root]
                todo = [piece for piece in target.split("/") if piece not in ("", ".")] + todo
            elif stack:
                trail.append(stack)
            elif todo:
                return None
        return found

    def _step(self, stack: _Stack, name: str) -> tuple[Found, _Stack] | None:
        """The entry `name`, and if it is a directory all that are merged into it."""
        first: Found | None = None
        merged: _Stack = []
        for directory in stack:
            try:
                descriptor = self._keep(os.open(name, _STEP, dir_fd=directory))
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
                    continue
                raise
            status = os.fstat(descriptor)
            if not stat.S_ISDIR(status.st_mode):
                if first is None and not overlay.is_whiteout(status):
                    return Found(descriptor, status), []
                break
            first = first or Found(descriptor, status)
            merged.append(descriptor)
            if len(stack) > 1 and overlay.is_opaque(f"/proc/self/fd/{descriptor}"):
                break
        return (first, merged) if first is not None else None


@contextmanager
def closing_lookup(roots: Sequence[Path], path: str, *, follow: bool) -> Iterator[Found | None]:
    """What `path` is in the stacked directories, topmost first, while the block runs."""
    lookup = _Lookup(roots)
    try:
        yield lookup.walk(path, follow=follow)
    finally:
        lookup.close()


def read_stacked(roots: Sequence[Path], path: str) -> bytes | None:
    """A file in stacked directories, topmost first; None unless it is a regular file. Raises EFBIG above 1 MiB."""
    with closing_lookup(roots, path, follow=True) as found:
        if found is None or not stat.S_ISREG(found.status.st_mode):
            return None
        if found.status.st_size > LARGEST_FILE:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        with open(f"/proc/self/fd/{found.descriptor}", "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
            return file.read(LARGEST_FILE)
