"""Files of the user's machine as tar archives, and back: what `cp` does on this side."""

import io
import os
import stat
import tarfile

from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

BLOCK = 512
PIECE = 1 << 20


def pack(path: str, name: str) -> "Iterator[bytes]":
    """The file or directory at `path` as a tar archive in which it is called `name`."""
    # Only asked to describe files: it also knows which of them are hard links of one another.
    describer = tarfile.TarFile(fileobj=io.BytesIO(), mode="w")
    for file, inside in _walk(path, name):
        entry = describer.gettarinfo(file, inside)
        if entry is None:
            continue  # a socket
        entry.mtime = int(entry.mtime)
        if not entry.isreg():
            yield entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            continue
        with open(file, "rb") as source:  # noqa: PTH123
            entry.size = os.fstat(source.fileno()).st_size
            yield entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            yield from _content(source, entry.size)
    yield bytes(2 * BLOCK)


def _content(source: "io.BufferedReader", size: int) -> "Iterator[bytes]":
    left = size
    while left and (data := source.read(min(PIECE, left))):
        left -= len(data)
        yield data
    yield bytes(left + -size % BLOCK)  # zeros also for what was cut off meanwhile


def _walk(path: str, name: str) -> "Iterator[tuple[str, str]]":
    """Each file below a path and its name in the archive, directories first."""
    yield path, name
    if os.path.islink(path.rstrip("/") or "/") and not path.endswith(("/", "/.")):  # noqa: PTH114
        return
    if not os.path.isdir(path):  # noqa: PTH112
        return
    for child in sorted(os.listdir(path)):  # noqa: PTH208
        yield from _walk(f"{path.rstrip('/')}/{child}", f"{name.rstrip('/')}/{child}")


class Pieces(io.RawIOBase):
    """Pieces of a stream as a file to read from."""

    def __init__(self, pieces: "Iterable[bytes]") -> None:
        self._pieces = iter(pieces)
        self._rest = b""
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._pieces, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.taken += count
        return count


def renamed(pieces: "Iterable[bytes]", old: str, new: str) -> "Iterator[bytes]":
    """The archive with its top called `new` in place of `old`."""
    with _reading(pieces) as archive:
        for entry in archive:
            entry.name = rename(entry.name, old, new)
            if entry.islnk():
                entry.linkname = rename(entry.linkname, old, new)
            entry.pax_headers = {
                key: value for key, value in entry.pax_headers.items() if key not in ("path", "linkpath", "size")
            }
            yield entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            if entry.isreg() and (source := archive.extractfile(entry)) is not None:
                while data := source.read(PIECE):
                    yield data
                yield bytes(-entry.size % BLOCK)
    yield bytes(2 * BLOCK)


def rename(name: str, old: str, new: str) -> str:
    """A member's name with its first part replaced."""
    if old == "/":
        return f"{new}/{name.lstrip('/')}" if name.strip("/") else new
    return new + name[len(old) :] if name == old or name.startswith(f"{old}/") else name


def _reading(pieces: "Iterable[bytes]") -> tarfile.TarFile:
    source = io.BufferedReader(Pieces(pieces), PIECE)
    return tarfile.open(fileobj=source, mode="r|", errorlevel=1)


def unpack(
    pieces: "Iterable[bytes]", directory: str, rename_to: "Callable[[str], str]", *, keep_owner: bool = False
) -> int:
    """Writes an archive below `directory`; bytes of its files. Raises EngineError for names that leave it.

    Who made the archive may be hostile: nothing is written through a link that it brought along.
    """
    total = 0
    times: list[tuple[str, float]] = []
    try:
        with _reading(pieces) as archive:
            for entry in archive:
                entry.name = rename_to(entry.name)
                if entry.islnk():
                    entry.linkname = rename_to(entry.linkname)
                if not entry.name.strip("/."):
                    continue  # the directory that we write into is there and stays as it is
                path = _place(directory, entry.name)
                _make(archive, entry, path, directory)
                total += entry.size
                _describe(entry, path, keep_owner=keep_owner)
                if entry.isdir():
                    times.append((path, entry.mtime))
    except tarfile.TarError as error:
        raise EngineError(f"the server's archive is damaged: {error}") from None
    except OSError as error:
        raise EngineError(f"{error.filename or directory}: {(error.strerror or str(error)).lower()}") from None
    for path, mtime in reversed(times):
        os.utime(path, (mtime, mtime))
    return total


def _place(directory: str, name: str) -> str:
    """Where a member goes. Its parents are made, and are no links unless they were there before."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise EngineError(f"invalid name in the server's archive: {name}")
    path = directory.rstrip("/") or "/"
    for part in parts[:-1]:
        path = os.path.join(path, part)  # noqa: PTH118
        if os.path.islink(path):  # noqa: PTH114
            raise EngineError(f"{path}: is a symbolic link")
        os.makedirs(path, exist_ok=True)  # noqa: PTH103
    return os.path.join(path, parts[-1]) if parts else path  # noqa: PTH118


def _make(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: str, directory: str) -> None:
    exists = os.path.lexists(path)
    is_directory = exists and stat.S_ISDIR(os.lstat(path).st_mode)
    if entry.isdir():
        if exists and not is_directory:
            raise EngineError(f'cannot overwrite non-directory "{path}" with directory "{directory}"')
        if not exists:
            os.mkdir(path, 0o700)  # noqa: PTH102
        return
    if is_directory:
        raise EngineError(f'cannot overwrite directory "{path}" with non-directory "{directory}"')
    if exists:
        os.unlink(path)  # noqa: PTH108
    if entry.issym():
        os.symlink(entry.linkname, path)  # noqa: PTH211
    elif entry.islnk():
        os.link(_place(directory, entry.linkname), path, follow_symlinks=False)
    elif entry.isfifo():
        os.mkfifo(path, 0o600)
    elif entry.isdev():
        kind = stat.S_IFCHR if entry.ischr() else stat.S_IFBLK
        os.mknod(path, kind | 0o600, os.makedev(entry.devmajor, entry.devminor))
    else:
        _write(archive, entry, path)


def _write(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: str) -> None:
    source = archive.extractfile(entry)
    with open(path, "xb") as file:  # noqa: PTH123
        while source is not None and (data := source.read(PIECE)):
            file.write(data)


def _describe(entry: tarfile.TarInfo, path: str, *, keep_owner: bool) -> None:
    if entry.islnk():
        return
    if keep_owner:
        os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if not entry.issym():
        os.chmod(path, entry.mode & 0o7777 if keep_owner else entry.mode & 0o777)  # noqa: PTH101
        os.utime(path, (entry.mtime, entry.mtime))
