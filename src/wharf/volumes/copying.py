"""Copying a directory tree exactly: content, holes, hard links, owners, modes, extended attributes, times.

The source may be hostile (an image's files): no name below it is ever resolved through a link, its depth costs no
recursion and no descriptors.
"""

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import Final

from wharf.errors import EngineError
from wharf.linux.file_copy import copy_content
from wharf.linux.inside import open_beneath
from wharf.volumes.threads import Stopped

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY
#: The host's security module labels files by itself; another one's labels mean nothing here.
_NOT_COPIED: Final = frozenset({"security.selinux", "security.ima", "security.evm"})


def copy_tree(source: int, target: int, stopped: Stopped) -> None:
    """Copies what is in the open directory `source`, and its own attributes, to the empty open directory `target`.

    Nobody else may be able to write to `target`. Raises OSError; EngineError when `stopped` says so.
    """
    copier = _Copier(source, target, stopped)
    for directory in copier.directories:  # it grows while we walk
        copier.copy_entries(directory)
    # Times last, and children first: an entry made in a directory changes its time.
    for directory in reversed(copier.directories):
        copier.finish_directory(directory)


def copy_attributes(source: int, target: int) -> None:
    """Owner, mode, extended attributes and times, between two open files or directories."""
    found = os.fstat(source)
    os.fchown(target, found.st_uid, found.st_gid)
    os.fchmod(target, stat.S_IMODE(found.st_mode))
    # After the owner: a change of owner takes the file's capabilities away.
    _copy_xattrs(source, target, follow=True)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_xattrs(source: str | int, target: str | int, *, follow: bool) -> None:
    try:
        names = os.listxattr(source, follow_symlinks=follow)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return
        raise
    for name in names:
        if name in _NOT_COPIED:
            continue
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=follow), follow_symlinks=follow)
        except OSError as error:
            # ENODATA: namespaced names that are listed but not ours to read.
            if error.errno not in (errno.ENOTSUP, errno.ENODATA):
                raise


@dataclass(slots=True)
class _Copier:
    source: int
    target: int
    stopped: Stopped
    directories: list[str] = field(default_factory=lambda: ["."])
    _linked: dict[tuple[int, int], str] = field(default_factory=dict)  # files with several names: the first copy

    def copy_entries(self, directory: str) -> None:
        with _Opened(self.source, directory) as here, _Opened(self.target, directory) as there:
            for name in os.listdir(here):  # noqa: PTH208 (a descriptor)
                self._pause()
                self._copy_entry(here, there, directory, name)

    def _pause(self) -> None:
        if self.stopped():
            raise EngineError("the copy was given up")

    def finish_directory(self, directory: str) -> None:
        with _Opened(self.source, directory) as here, _Opened(self.target, directory) as there:
            copy_attributes(here, there)

    def _copy_entry(self, here: int, there: int, directory: str, name: str) -> None:
        path = f"{directory}/{name}"
        found = os.stat(name, dir_fd=here, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.mkdir(name, 0o700, dir_fd=there)
            self.directories.append(path)
            return
        if found.st_nlink > 1:
            key = (found.st_dev, found.st_ino)
            if first := self._linked.get(key):
                os.link(first, name, src_dir_fd=self.target, dst_dir_fd=there, follow_symlinks=False)
                return
            self._linked[key] = path
        if stat.S_ISREG(found.st_mode):
            self._copy_file(here, there, name)
            return
        if stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(name, dir_fd=here), name, dir_fd=there)
        else:
            os.mknod(name, found.st_mode, found.st_rdev, dir_fd=there)
        _copy_attributes_by_name(here, there, name, found)

    def _copy_file(self, here: int, there: int, name: str) -> None:
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
        try:
            target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=there)
            try:
                copy_content(source, target, self._pause)
                copy_attributes(source, target)
            finally:
                os.close(target)
        finally:
            os.close(source)


def _copy_attributes_by_name(here: int, there: int, name: str, found: os.stat_result) -> None:
    """For what cannot be opened: links, devices, pipes, sockets."""
    os.chown(name, found.st_uid, found.st_gid, dir_fd=there, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=there)
    _copy_xattrs(f"/proc/self/fd/{here}/{name}", f"/proc/self/fd/{there}/{name}", follow=False)
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=there, follow_symlinks=False)


class _Opened:
    """The descriptor of a directory below `root`, while the block runs."""

    __slots__ = ("_path", "_root", "fd")

    def __init__(self, root: int, path: str) -> None:
        self._root = root
        self._path = path

    def __enter__(self) -> int:
        self.fd = open_beneath(self._root, self._path, _DIRECTORY)
        return self.fd

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)
