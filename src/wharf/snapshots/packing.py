"""Writes a directory tree, or one entry, as a tar archive.

The tree may be alive and its owner hostile: every name is one step from an open directory, no link is followed, what
vanishes is left out, a file that changes its size is cut or filled up with zeros. Depth costs no recursion and no
descriptors. Standard library only: it runs in confined children.
"""

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import Final

from wharf.linux import overlay
from wharf.linux.inside import open_beneath
from wharf.snapshots.tarwriter import END, header, padding

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BUFFER: Final = 1 << 18  # bytes that are gathered before they are written
_SMALL: Final = 1 << 16  # a file of less is copied through the buffer
_XATTRS: Final = ("security.capability", "user.")
_KINDS: Final = {stat.S_IFIFO: "fifo", stat.S_IFCHR: "char", stat.S_IFBLK: "block"}
#: What a step says when somebody has removed or replaced the entry since we saw its name.
_REPLACED: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_WHITEOUT: Final = b".wh."
_OPAQUE_MARK: Final = b".wh..wh..opq"


@dataclass(slots=True)
class Packer:
    """Writes members to the descriptor `output`. With `layer`, what overlayfs hides is written as OCI whiteouts."""

    output: int
    layer: bool = False
    left_out: frozenset[bytes] = frozenset()  # paths below the tree's top, with all below them
    chosen: frozenset[bytes] | None = None  # if not None: of the paths below the top, only these
    not_entered: frozenset[int] = frozenset()  # devices (st_dev) whose mounts below the top show as empty directories
    _buffer: bytearray = field(default_factory=bytearray)
    _linked: dict[tuple[int, int], bytes] = field(default_factory=dict)  # files with several names: the first

    def tree(self, top: int, name: bytes) -> None:
        """The directory open as `top`, under `name` (b"" leaves out the directory itself), and all below."""
        if name:
            self._directory(top, name)
        self.not_entered -= {os.fstat(top).st_dev}
        prefix = name if not name or name.endswith(b"/") else name + b"/"
        waiting = [b"."]
        while waiting:
            here = waiting.pop()
            try:
                directory = open_beneath(top, os.fsdecode(here), _DIRECTORY)
            except OSError as error:
                if error.errno in _REPLACED:
                    continue
                raise
            try:
                if os.fstat(directory).st_dev not in self.not_entered:
                    waiting += reversed(self._entries(directory, here, prefix))
            finally:
                os.close(directory)

    def _entries(self, directory: int, here: bytes, prefix: bytes) -> list[bytes]:
        """Writes what is in a directory; its subdirectories, as paths below the top."""
        below = b"" if here == b"." else here + b"/"
        found = []
        for text in sorted(os.listdir(directory)):
            path = below + os.fsencode(text)
            if self._is_wanted(path) and self.entry(directory, os.fsencode(text), prefix + path):
                found.append(path)
        return found

    def _is_wanted(self, path: bytes) -> bool:
        return path not in self.left_out and (self.chosen is None or path in self.chosen)

    def entry(self, directory: int, base: bytes, name: bytes) -> bool:
        """The entry `base` of an open directory, as the member `name`. True for a directory: its header only."""
        try:
            status = os.stat(base, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                child = os.open(base, _DIRECTORY, dir_fd=directory)
                try:
                    self._directory(child, name)
                finally:
                    os.close(child)
                return True
            if self.layer and overlay.is_whiteout(status):
                self.whiteout(name)
            elif stat.S_ISREG(status.st_mode):
                self._regular(directory, base, name)
            elif stat.S_ISLNK(status.st_mode):
                self._member(name, "symlink", status, link=os.readlink(base, dir_fd=directory))
            elif kind := _KINDS.get(stat.S_IFMT(status.st_mode)):  # a socket means nothing elsewhere
                self._member(name, kind, status)
        except OSError as error:
            if error.errno not in _REPLACED:
                raise
        return False

    def whiteout(self, name: bytes) -> None:
        """Says that the layer deletes `name` of those below it."""
        parent, slash, hidden = name.rpartition(b"/")
        self._put(header(parent + slash + _WHITEOUT + hidden, "file"))

    def _directory(self, descriptor: int, name: bytes) -> None:
        status = os.fstat(descriptor)
        self._put(_header(name if name.endswith(b"/") else name + b"/", "directory", status, descriptor))
        if self.layer and overlay.is_opaque(descriptor):
            self._put(header(name.rstrip(b"/") + b"/" + _OPAQUE_MARK, "file"))

    def _member(self, name: bytes, kind: str, status: os.stat_result, link: bytes = b"") -> None:
        if first := self._first(status, name):
            self._put(_header(name, "hardlink", status, link=first))
        else:
            self._put(_header(name, kind, status, link=link))

    def _first(self, status: os.stat_result, name: bytes) -> bytes:
        """The name under which this file is in the archive already, or b""."""
        if status.st_nlink < 2:
            return b""
        first = self._linked.setdefault((status.st_dev, status.st_ino), name)
        return b"" if first == name else first

    def _regular(self, directory: int, base: bytes, name: bytes) -> None:
        file = os.open(base, _FILE, dir_fd=directory)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return  # it was replaced meanwhile
            if first := self._first(status, name):
                self._put(_header(name, "hardlink", status, link=first))
                return
            self._put(_header(name, "file", status, file, size=status.st_size))
            self._data(file, status.st_size)
        finally:
            os.close(file)

    def _data(self, file: int, size: int) -> None:
        left = size
        if size < _SMALL:
            while left and (data := os.read(file, left)):
                self._buffer += data
                left -= len(data)
        else:
            self.flush()
            while left and (sent := os.sendfile(self.output, file, None, left)):
                left -= sent
        while left:  # somebody cut the file after we promised its size
            zeros = min(left, _BUFFER)
            self._put(bytes(zeros))
            left -= zeros
        self._put(padding(size))

    def _put(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _BUFFER:
            self.flush()

    def flush(self) -> None:
        view = memoryview(bytes(self._buffer))
        self._buffer.clear()
        while view:
            view = view[os.write(self.output, view) :]

    def end(self) -> None:
        """Ends the archive."""
        self._put(END)
        self.flush()


def _header(
    name: bytes, kind: str, status: os.stat_result, descriptor: int | None = None, *, size: int = 0, link: bytes = b""
) -> bytes:
    is_device = kind in ("char", "block")
    return header(
        name,
        kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=size,
        mtime=status.st_mtime_ns // 1_000_000_000,
        link=link,
        major=os.major(status.st_rdev) if is_device else 0,
        minor=os.minor(status.st_rdev) if is_device else 0,
        xattrs=_xattrs(descriptor) if descriptor is not None else None,
    )


def _xattrs(descriptor: int) -> dict[bytes, bytes]:
    try:
        names = os.listxattr(descriptor)
    except OSError:
        return {}  # a file system without them
    found = {}
    for name in names:
        if name.startswith(_XATTRS):
            try:
                found[os.fsencode(name)] = os.getxattr(descriptor, name)
            except OSError:
                continue  # gone meanwhile
    return found
