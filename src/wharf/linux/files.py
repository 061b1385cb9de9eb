"""File system calls that Python lacks. Each raises OSError with the kernel's errno."""

import ctypes
import fcntl
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wharf.linux import detached, syscall, user_namespaces
from wharf.linux.inside import opened, opened_within
from wharf.linux.mounts import RootMount

_FS_IOC_GETFLAGS: Final = 0x80086601
_FS_IOC_SETFLAGS: Final = 0x40086602
_FICLONE: Final = 0x40049409
_FS_TOPDIR_FL: Final = 0x00020000
_MOST_BLANK: Final = 1 << 20

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def syncfs(directory: Path) -> None:
    """syncfs(2): all of the file system that `directory` is on is on disk afterwards. Blocks."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _check(_libc.syncfs(descriptor), "syncfs")
    finally:
        os.close(descriptor)


def share_blocks(source: int, target: int) -> bool:
    """Lets the open, empty file `target` have the blocks of `source` (Btrfs, XFS). False where that is impossible."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def spread_subdirectories(directory: Path) -> None:
    """Asks ext4 to place the trees below `directory` far apart (chattr +T). Other file systems ignore it.

    ext4 does not reuse inodes that were deleted minutes ago and looks at each of them for every new file: where trees
    come and go at one place, a new file takes 500 µs instead of 20.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = struct.unpack("l", fcntl.ioctl(descriptor, _FS_IOC_GETFLAGS, bytes(struct.calcsize("l"))))[0]
        fcntl.ioctl(descriptor, _FS_IOC_SETFLAGS, struct.pack("l", flags | _FS_TOPDIR_FL))
    except OSError:
        pass  # only speed is lost
    finally:
        os.close(descriptor)


def detached_mount(
    root: RootMount, target: Path, subpath: str = "", mapped: tuple[int, tuple[int, int]] | None = None
) -> int:
    """A descriptor of the mounted file system, which no path of the host leads to. Blocks.

    `target` is any directory. With `subpath` only what is there is mounted; OSError (EXDEV) when that leads outside.
    What is below the descriptor is reached as /proc/self/fd/N/…; closing it unmounts. `mapped` are a user namespace
    whose ids the files get, and who its root is on the host.
    """
    return in_own_namespace(lambda: _mount_and_clone(root, target, subpath, mapped))


def _mount_and_clone(root: RootMount, target: Path, subpath: str, mapped: tuple[int, tuple[int, int]] | None) -> int:
    os.chdir(root.directory)
    if mapped is not None:
        _mount_mapped(root, target, *mapped)
    elif root.fstype == "bind":
        syscall.mount(root.source, str(target), "", syscall.MS_BIND)
    else:
        syscall.mount(root.source, str(target), root.fstype, 0, root.data)
    if not subpath:
        return detached.clone(str(target))
    with opened(target) as top, opened_within(top, subpath) as inner:
        return detached.clone_open(inner)


def _mount_mapped(root: RootMount, target: Path, namespace: int, owner: tuple[int, int]) -> None:
    # By descriptor: for a moment another mount may hide the target.
    place = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        members = {"fstype": root.fstype, "source": root.source, "data": root.data, "directory": str(root.directory)}
        user_namespaces.mount_root(f"/proc/self/fd/{place}", namespace, owner, **members)
    finally:
        os.close(place)


def in_own_namespace(work: Callable[[], int]) -> int:
    """Runs `work` in a thread with a mount namespace and a working directory of its own, which end with it. Blocks."""
    results: list[int | BaseException] = []

    def run() -> None:
        try:
            syscall.unshare(syscall.CLONE_NEWNS)
            syscall.mount("", "/", "", syscall.MS_REC | syscall.MS_PRIVATE)
            results.append(work())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run, name="own-mounts")
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def rewrite(path: Path, text: str) -> None:
    """Gives a text file new contents in place: where it is bound elsewhere, another file of its name would not be seen.

    Whoever is killed meanwhile leaves blank lines at its end, at worst. Raises OSError.
    """
    data = text.encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        surplus = os.fstat(descriptor).st_size - len(data)
        if surplus > _MOST_BLANK:
            # Somebody has made it huge, to see us take as much memory.
            surplus = _MOST_BLANK
            os.ftruncate(descriptor, len(data) + surplus)
        os.pwrite(descriptor, data + b"\n" * surplus, 0)
        os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)
