"""Unpacks an archive into a directory of a living file system, as `docker cp` does: names may exist already.

The process's root is the container's: links lead where they lead in the container, and never further. Standard
library only: it runs in confined children.
"""

import errno
import os
import stat
from contextlib import suppress
from typing import Final

from wharf.snapshots.extraction import Extraction, Limits, Parts, Refused, split, write_content
from wharf.snapshots.tarstream import Entry, TarReader

_IN_PLACE: Final = os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_UNLIMITED: Final = Limits(entries=1 << 62, total=1 << 62)


class WouldReplace(Exception):
    """A directory would replace something else, or the other way round, and that was forbidden."""


def copy_in(
    reader: TarReader,
    destination: str,
    *,
    owner: tuple[int, int] | None = None,
    keep_kinds: bool = False,
    whole: bool = False,
) -> None:
    """Writes all members below `destination`, a path without links from the process's root, its working directory.

    `owner` replaces the owners that the archive names. With `keep_kinds` a directory never replaces something else nor
    is replaced: WouldReplace. With `whole` the destination gets owner and mode of the archive's own top. Raises also
    Refused, DamagedArchive, OSError; what was written until then stays.
    """
    copy = _CopyIn(destination, owner, keep_kinds, whole)
    try:
        for entry in reader:
            copy.add(entry, reader)
        copy.finish()
    finally:
        copy.close()


def _split(name: bytes, what: str) -> Parts:
    """Raises Refused in dockerd's words."""
    try:
        return split(name)
    except Refused:
        raise Refused(f'invalid {what} "{name.decode(errors="replace")}"') from None


class _CopyIn(Extraction):
    def __init__(self, destination: str, owner: tuple[int, int] | None, keep_kinds: bool, whole: bool) -> None:
        super().__init__(_UNLIMITED)
        self._destination = split(os.fsencode(destination))
        self._owner = owner
        self._keep_kinds = keep_kinds
        self._whole = whole

    def add(self, entry: Entry, reader: TarReader) -> None:
        below = _split(entry.name, "entry name")
        if not below:
            # Else the directory that we unpack into is there and stays as it is.
            if self._whole and entry.kind == "directory":
                self._describe(self._directory(self._destination), self._destination, entry)
            return
        if self._owner is not None:
            entry.uid, entry.gid = self._owner
        if entry.kind == "hardlink":
            entry.link = b"/".join((*self._destination, *_split(entry.link, "hardlink target")))
        path = (*self._destination, *below)
        real, parent = self._parent(path, create=True)
        if self._keep_kinds:
            self._check_kinds((*real, path[-1]), parent, entry)
        self._make((*real, path[-1]), parent, entry, reader)

    def _check_kinds(self, path: Parts, parent: int, entry: Entry) -> None:
        try:
            status = os.stat(path[-1], dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        shown, within = (os.fsdecode(b"/" + b"/".join(parts)) for parts in (path, path[:-1]))
        if stat.S_ISDIR(status.st_mode) and entry.kind != "directory":
            raise WouldReplace(f'cannot overwrite directory "{shown}" with non-directory "{within}"')
        if not stat.S_ISDIR(status.st_mode) and entry.kind == "directory":
            raise WouldReplace(f'cannot overwrite non-directory "{shown}" with directory "{within}"')

    def _file(self, path: Parts, parent: int, entry: Entry, reader: TarReader) -> None:
        try:
            super()._file(path, parent, entry, reader)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            # A file that is mounted (such as /etc/hosts) cannot be replaced, but written.
            descriptor = os.open(path[-1], _IN_PLACE, dir_fd=parent)
            try:
                write_content(descriptor, entry, reader)
            finally:
                os.close(descriptor)

    def finish(self) -> None:
        for path, mtime in self._times.items():
            with suppress(FileNotFoundError, NotADirectoryError):  # somebody in the container was quicker
                os.utime(self._directory(path), ns=(mtime, mtime))
