"""Writes the members of a layer below the working directory, as a directory for overlayfs.

Every name is reached by descriptors, step by step and without following symbolic links; that this process is also
confined to the directory is the second wall, not the first. Standard library only: it runs in the confined child.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

from wharf.linux import overlay
from wharf.snapshots.tarstream import Entry, TarReader

DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORIES: Final = 128
_LONGEST_NAME: Final = 4096
_MOST_LINKS: Final = 40  # as the kernel follows
_LARGE: Final = 64 << 20  # bytes: above this a look at the free space is worth a system call
_WHITEOUT: Final = b".wh."
_OPAQUE_MARK: Final = b".wh..wh..opq"
_RESERVED: Final = b".wh..wh."
#: The rest (trusted.*) would speak to overlayfs in our name.
_ALLOWED_XATTRS: Final = (b"security.", b"user.", b"system.posix_acl_")
_UNSUPPORTED: Final = frozenset({errno.ENOTSUP, errno.EPERM, errno.EINVAL})

Parts = tuple[bytes, ...]
T = TypeVar("T")


class Refused(Exception):
    """The layer asks for something that no honest layer needs, or for more than we allow."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one layer may take. The defaults are far above real images, and below what harms a machine."""

    entries: int = 1_000_000
    total: int = 256 << 30  # bytes of all files, holes included


@dataclass(slots=True)
class Unpacked:
    """What a layer turned out to hold."""

    entries: int = 0
    size: int = 0  # bytes of the files' data
    implied: list[bytes] = field(default_factory=list)  # directories that had no entry of their own


def extract(reader: TarReader, limits: Limits) -> Unpacked:
    """Writes all members below the working directory. Raises Refused, DamagedArchive, OSError; the rest is garbage."""
    extraction = Extraction(limits)
    try:
        for entry in reader:
            extraction.add(entry, reader)
        extraction.finish()
    finally:
        extraction.close()
    return extraction.done


def _show(name: bytes) -> str:
    return '"' + name[:200].decode("utf-8", "replace") + '"'


def split(name: bytes) -> Parts:
    """The components of a member's name, taken from the layer's root. Raises Refused when it climbs out."""
    if len(name) > _LONGEST_NAME or b"\0" in name:
        raise Refused(f"invalid name in the layer: {_show(name)}")
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise Refused(f'{_show(name)} is outside of the layer\'s root: it has ".." in its path')
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return tuple(parts)


class Extraction:
    """Writes members one after the other. The process's working directory must be its root."""

    def __init__(self, limits: Limits) -> None:
        self.done = Unpacked()
        self._limits = limits
        self._apparent = 0
        self._root = os.open(".", DIRECTORY)
        self._open: dict[Parts, int] = {}
        # Times are set at the end: every new entry changes its directory's.
        self._times: dict[Parts, int] = {}
        self._implied: set[Parts] = set()

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        os.close(self._root)

    # --- directories ---

    def _directory(self, path: Parts, *, create: bool = False) -> int:
        """A descriptor of a real directory, kept open for the entries that follow. Raises Refused or OSError."""
        known = len(path)
        while known and path[:known] not in self._open:
            known -= 1
        descriptor = self._root
        for depth in range(max(known, 1), len(path) + 1):
            here = path[:depth]
            if depth == known:
                descriptor = self._open.pop(here)
            else:
                descriptor = self._step(here, descriptor, create=create)
                if len(self._open) >= _OPEN_DIRECTORIES:
                    os.close(self._open.pop(next(iter(self._open))))
            self._open[here] = descriptor  # the most recently used is last
        return descriptor

    def _step(self, path: Parts, parent: int, *, create: bool) -> int:
        try:
            return os.open(path[-1], DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            if not create:
                raise
        # A process of a container that runs may have been quicker.
        with suppress(FileExistsError):
            os.mkdir(path[-1], 0o755, dir_fd=parent)
            self._implied.add(path)
        return os.open(path[-1], DIRECTORY, dir_fd=parent)

    def _parent(self, path: Parts, *, create: bool) -> tuple[Parts, int]:
        """The real path and a descriptor of the directory that holds `path`'s last component."""
        try:
            return path[:-1], self._directory(path[:-1], create=create)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
        real = self._follow(path)
        return real, self._directory(real, create=create)

    def _follow(self, path: Parts) -> Parts:
        """Where the parent of `path` really is. Symbolic links are followed as long as they stay in the layer."""
        real: Parts = ()
        todo = list(path[:-1])
        links = 0
        while todo:
            part = todo.pop(0)
            if part == b"..":
                if not real:
                    raise self._leaves(path)
                real = real[:-1]
                continue
            try:
                parent = self._directory(real)
                mode = os.stat(part, dir_fd=parent, follow_symlinks=False).st_mode
            except FileNotFoundError:
                if links:
                    raise self._leaves(path) from None
                return (*real, part, *todo)
            if stat.S_ISLNK(mode):
                links += 1
                target = os.readlink(part, dir_fd=parent)
                if links > _MOST_LINKS:
                    raise self._leaves(path)
                real = () if target.startswith(b"/") else real
                todo = [step for step in target.split(b"/") if step not in (b"", b".")] + todo
            elif stat.S_ISDIR(mode):
                real = (*real, part)
            else:
                raise Refused(f"{_show(b'/'.join(path))}: a parent is not a directory")
        return real

    @staticmethod
    def _leaves(path: Parts) -> Refused:
        return Refused(f"{_show(b'/'.join(path))}: a parent is a symbolic link that leads out of the layer's root")

    # --- members ---

    def add(self, entry: Entry, reader: TarReader) -> None:
        """Writes one member."""
        self.done.entries += 1
        if self.done.entries > self._limits.entries:
            raise Refused(f"the layer has more than {self._limits.entries} entries")
        self._apparent += entry.size
        if self._apparent > self._limits.total:
            raise Refused(f"the layer unpacks to more than {self._limits.total} bytes")
        path = split(entry.name)
        if not path:
            if entry.kind != "directory":
                raise Refused(f"{_show(entry.name)}: the layer's root must be a directory")
            self._describe(self._root, path, entry)
            return
        base = path[-1]
        if base.startswith(_WHITEOUT):
            self._whiteout(path)
            return
        real, parent = self._parent(path, create=True)
        self._make((*real, base), parent, entry, reader)

    def _make(self, path: Parts, parent: int, entry: Entry, reader: TarReader) -> None:
        base = path[-1]
        if entry.kind == "file":
            self._file(path, parent, entry, reader)
        elif entry.kind == "directory":
            self._make_directory(path, parent, entry)
        elif entry.kind == "hardlink":
            self._hard_link(path, parent, entry)
        elif entry.kind == "symlink":
            self._in_place(path, parent, lambda: os.symlink(entry.link, base, dir_fd=parent))
            self._describe_special(base, parent, entry)
        else:
            mode = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO}[entry.kind] | entry.mode
            device = os.makedev(entry.major, entry.minor)
            self._in_place(path, parent, lambda: os.mknod(base, mode, device, dir_fd=parent))
            self._describe_special(base, parent, entry)

    def _in_place(self, path: Parts, parent: int, make: Callable[[], T]) -> T:
        """Makes an entry; what has its name already goes."""
        try:
            return make()
        except FileExistsError:
            self._remove(path, parent)
            return make()

    def _file(self, path: Parts, parent: int, entry: Entry, reader: TarReader) -> None:
        if entry.size > _LARGE:
            self._check_space(entry)
        descriptor = self._in_place(
            path, parent, lambda: os.open(path[-1], NEW_FILE, entry.mode & 0o777, dir_fd=parent)
        )
        try:
            write_content(descriptor, entry, reader)
            self.done.size += entry.size
            os.fchown(descriptor, entry.uid, entry.gid)
            if entry.mode & 0o7000:
                os.fchmod(descriptor, entry.mode)
            _set_xattrs(descriptor, entry)
            os.utime(descriptor, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(descriptor)

    def _check_space(self, entry: Entry) -> None:
        """A size that cannot fit is refused before the disk is full."""
        space = os.fstatvfs(self._root)
        free = space.f_bavail * space.f_frsize
        stored = entry.size if entry.pieces is None else sum(length for _, length in entry.pieces)
        if stored > free:
            raise Refused(
                f"{_show(entry.name)} needs {stored} bytes, but only {free} are free: no space left on device"
            )

    def _make_directory(self, path: Parts, parent: int, entry: Entry) -> None:
        hides = False
        try:
            os.mkdir(path[-1], entry.mode & 0o777, dir_fd=parent)
        except FileExistsError:
            status = os.stat(path[-1], dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                # Never through a link: the name itself becomes a directory.
                hides = overlay.is_whiteout(status)
                self._remove(path, parent)
                os.mkdir(path[-1], entry.mode & 0o777, dir_fd=parent)
        descriptor = self._directory(path)
        self._describe(descriptor, path, entry)
        if hides:
            overlay.make_opaque(descriptor)

    def _describe(self, descriptor: int, path: Parts, entry: Entry) -> None:
        os.fchown(descriptor, entry.uid, entry.gid)
        os.fchmod(descriptor, entry.mode)
        _set_xattrs(descriptor, entry)
        self._times[path] = entry.mtime
        self._implied.discard(path)

    def _hard_link(self, path: Parts, parent: int, entry: Entry) -> None:
        target = split(entry.link)
        if not target:
            raise Refused(f"invalid hard link {_show(entry.name)} -> {_show(entry.link)}")
        if target == path:
            return
        try:
            _, source = self._parent(target, create=False)
            self._in_place(
                path,
                parent,
                lambda: os.link(target[-1], path[-1], src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False),
            )
        except (FileNotFoundError, PermissionError):
            raise Refused(
                f"invalid hard link {_show(entry.name)} -> {_show(entry.link)}: the target is not a file of the layer"
            ) from None

    def _describe_special(self, base: bytes, parent: int, entry: Entry) -> None:
        """Owner and times of an entry that must not be opened: a link, a device, a pipe.

        It has been made with its mode: chmod follows links, and in a living tree the name may have become one since.
        chown takes its setuid bits, which mean nothing there.
        """
        os.chown(base, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        os.utime(base, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    # --- what is gone ---

    def _whiteout(self, path: Parts) -> None:
        real, parent = self._parent(path, create=True)
        base = path[-1]
        if base == _OPAQUE_MARK:
            overlay.make_opaque(parent)
            return
        hidden = base[len(_WHITEOUT) :]
        if base.startswith(_RESERVED) or hidden in (b"", b".", b".."):
            return  # what AUFS kept for itself
        try:
            overlay.make_whiteout(hidden, parent)
        except FileExistsError:
            # It means what is below: an entry of this layer stays, but a directory must not show what it hides.
            status = os.stat(hidden, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                overlay.make_opaque(self._directory((*real, hidden)))

    def _remove(self, path: Parts, parent: int) -> None:
        """Removes what has this name, and all below it."""
        for known in [known for known in self._open if known[: len(path)] == path]:
            os.close(self._open.pop(known))
        for known in [known for known in self._times if known[: len(path)] == path]:
            del self._times[known]
        self._implied = {known for known in self._implied if known[: len(path)] != path}
        try:
            _remove_tree(path[-1], parent)
        except RecursionError:
            raise Refused(f"{_show(b'/'.join(path))} cannot replace a tree that is as deep") from None

    def finish(self) -> None:
        """Sets the directories' times, and tells which directories nobody described."""
        for path, mtime in self._times.items():
            os.utime(self._directory(path), ns=(mtime, mtime))
        self.done.implied = [b"/".join(path) for path in sorted(self._implied)]


def _remove_tree(name: bytes, parent: int) -> None:
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=parent)
        return
    descriptor = os.open(name, DIRECTORY, dir_fd=parent)
    try:
        for child in os.listdir(descriptor):  # noqa: PTH208 - of a descriptor
            _remove_tree(os.fsencode(child), descriptor)
    finally:
        os.close(descriptor)
    os.rmdir(name, dir_fd=parent)


def write_content(descriptor: int, entry: Entry, reader: TarReader) -> None:
    """Writes a file's bytes; what is between the pieces of a sparse one stays a hole."""
    if entry.pieces is None:
        for piece in reader.data():
            _write(descriptor, piece)
    else:
        _write_sparse(descriptor, entry, reader)


def _write(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _write_sparse(descriptor: int, entry: Entry, reader: TarReader) -> None:
    """Puts the pieces where they belong; what is between stays a hole."""
    data = b""
    source = reader.data()
    for offset, length in entry.pieces or ():
        os.lseek(descriptor, offset, os.SEEK_SET)
        while length:
            view = memoryview(data) if data else next(source)
            _write(descriptor, view[:length])
            data = bytes(view[length:])
            length -= min(length, len(view))
    os.ftruncate(descriptor, entry.size)


def _set_xattrs(descriptor: int, entry: Entry) -> None:
    for name, value in _allowed(entry.xattrs.items()):
        try:
            os.setxattr(descriptor, name, value)
        except OSError as error:
            # A file system without attributes still holds the files; dockerd goes on too.
            if error.errno not in _UNSUPPORTED:
                raise


def _allowed(xattrs: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return ((name, value) for name, value in xattrs if name.startswith(_ALLOWED_XATTRS))
