"""The confined child that sees files as a container does: it enters (or makes) the container's mounts, then reads or
writes an archive there.

Run as `python -I -S -c "…; main()" WORK` with the work as JSON. Archives go through stdin and stdout; stderr has a JSON
line when the work has begun well, and one when it has ended. The container's processes may be hostile and change names
under our hands: we live in their mounts and below their root, so no path of theirs can lead to the host.
"""

import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from wharf.linux import confinement, detached, syscall
from wharf.linux.bound_by_quotas import bound_by_quotas
from wharf.linux.inside import open_in_root
from wharf.snapshots.container_paths import AskedPath, ask, real_path
from wharf.snapshots.copying_in import WouldReplace, copy_in
from wharf.snapshots.extraction import Refused
from wharf.snapshots.packing import Packer
from wharf.snapshots.plain_input import PlainInput
from wharf.snapshots.tarstream import DamagedArchive, TarReader

_NEEDED: Final = (
    confinement.CAP_CHOWN,
    confinement.CAP_DAC_OVERRIDE,
    confinement.CAP_FOWNER,
    confinement.CAP_FSETID,
    confinement.CAP_MKNOD,
    confinement.CAP_SETFCAP,
)
_PATH: Final = os.O_PATH | os.O_CLOEXEC
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PR_SET_DUMPABLE: Final = 4
_KERNEL_MOUNTS: Final = ("/proc", "/sys", "/dev", "/dev/pts", "/dev/mqueue", "/dev/shm", "/sys/fs/cgroup")
_STDIN, _STDOUT, _STDERR = range(3)


class Failed(Exception):
    """The work cannot be done; `kind` says what sort of fault it is."""

    def __init__(self, kind: str, text: str = "") -> None:
        super().__init__(text)
        self.kind = kind


def main() -> None:
    """Does the work of the command line and tells how it went."""
    work = json.loads(sys.argv[1])
    # What we would import after this would be the container's.
    work["input"] = PlainInput(lambda count: os.read(_STDIN, count), work["compression"])
    try:
        _enter(work)
        confinement.confine(Path(), (*_NEEDED, *((confinement.CAP_SYS_ADMIN,) if work["do"] == "layer" else ())))
        syscall.prctl(_PR_SET_DUMPABLE, 0)
        # What we would import from now on would be the container's.
        sys.path.clear()
        sys.meta_path.clear()
        _WORK[work["do"]](work)
        _tell({"done": True})
    except Failed as error:
        _tell({"error": str(error), "kind": error.kind})
    except WouldReplace as error:
        _tell({"error": str(error), "kind": "exists"})
    except Refused as error:
        _tell({"error": str(error), "kind": "refused"})
    except DamagedArchive as error:
        _tell({"error": str(error), "kind": "damaged"})
    except BrokenPipeError:
        sys.exit(1)  # nobody reads any more
    except OSError as error:
        name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        reason = (error.strerror or str(error)).lower()
        _tell({"error": f"{name}: {reason}" if name else reason, "kind": "system"})


def _tell(message: dict[str, object]) -> None:
    os.write(_STDERR, json.dumps(message).encode() + b"\n")


# ── where ──


def _enter(work: dict[str, Any]) -> None:
    """The process's root and working directory become the container's."""
    if work["directory"]:
        os.chdir(work["directory"])
    elif work["tree"] is not None:
        os.fchdir(work["tree"])
    elif work["namespace"] is not None:
        if work["user_namespace"] is not None:
            syscall.setns(work["user_namespace"], syscall.CLONE_NEWUSER)
            os.close(work["user_namespace"])
        syscall.setns(work["namespace"], syscall.CLONE_NEWNS)
        if work["user_namespace"] is not None:
            # Until now we are nobody there, and what we make would be nobody's.
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
        os.close(work["namespace"])
        if work["bare"]:
            # The root file system alone, without what is mounted on it.
            os.fchdir(detached.clone("/"))
    else:
        _mount(work)


def _mount(work: dict[str, Any]) -> None:
    """The mounts of a container that does not run, in a namespace that ends with us."""
    root, target = work["root"], work["target"]
    syscall.unshare(syscall.CLONE_NEWNS)
    syscall.mount("", "/", "", syscall.MS_REC | syscall.MS_PRIVATE)
    os.chdir(root["directory"])
    if root["fstype"] == "bind":
        syscall.mount(root["source"], target, "", syscall.MS_BIND)
    else:
        bound_by_quotas(lambda: syscall.mount(root["source"], target, root["fstype"], 0, root["data"]))
    os.chdir(target)
    top = os.open(".", _DIRECTORY)
    try:
        for source, inside, read_only, recursive, mount in work["mounts"]:
            _bind(top, source, inside, read_only=read_only, recursive=recursive, mount=mount)
    finally:
        os.close(top)
    if work["read_only"]:
        syscall.mount("", target, "", syscall.MS_REMOUNT | syscall.MS_BIND | syscall.MS_RDONLY)


def _bind(top: int, source: str, inside: str, *, read_only: bool, recursive: bool, mount: int | None) -> None:
    place = _mount_point(top, inside, is_directory=os.path.isdir(source if mount is None else mount))  # noqa: PTH112
    try:
        if mount is not None:
            syscall.move_mount(mount, f"/proc/self/fd/{place}")
        else:
            syscall.mount(source, f"/proc/self/fd/{place}", "", syscall.MS_BIND | (syscall.MS_REC if recursive else 0))
    finally:
        os.close(place)
    if read_only:
        mounted = open_in_root(top, inside, _PATH)
        try:
            flags = syscall.MS_REMOUNT | syscall.MS_BIND | syscall.MS_RDONLY
            syscall.mount("", f"/proc/self/fd/{mounted}", "", flags)
        finally:
            os.close(mounted)


def _mount_point(top: int, inside: str, *, is_directory: bool) -> int:
    """The place of a mount, made as the runtime would make it. The caller closes it."""
    with suppress(FileNotFoundError):
        return open_in_root(top, inside, _PATH)
    parts = [part for part in inside.split("/") if part]
    for count in range(1, len(parts) + 1):
        parent = open_in_root(top, "/".join(parts[: count - 1]) or ".", _DIRECTORY)
        try:
            if count < len(parts) or is_directory:
                with suppress(FileExistsError):
                    os.mkdir(parts[count - 1], 0o755, dir_fd=parent)
            else:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                os.close(os.open(parts[count - 1], flags, 0o644, dir_fd=parent))
        finally:
            os.close(parent)
    return open_in_root(top, inside, _PATH)


# ── what ──


def _open(path: str, flags: int) -> int:
    """Raises Failed when there is nothing, or something on the way is no directory."""
    root = os.open("/", _DIRECTORY)
    try:
        return open_in_root(root, path.lstrip("/") or ".", flags)
    except FileNotFoundError:
        raise Failed("missing") from None
    except NotADirectoryError:
        raise Failed("not-directory", f"lstat {path}: not a directory") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Failed("refused", f"lstat {path}: too many levels of symbolic links") from None
        raise
    finally:
        os.close(root)


def _find(asked: AskedPath) -> tuple[int, str, os.stat_result]:
    """What a path names: an open directory, the name in it ("." for the directory itself), and its status."""
    if asked.follow:
        directory, base = _open(asked.path, _PATH | os.O_DIRECTORY), "."
    else:
        parent, _, base = asked.path.rpartition("/")
        directory = _open(parent, _PATH | os.O_DIRECTORY)
    try:
        return directory, base, os.stat(base, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        raise Failed("missing") from None


def _read_link(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115
    except OSError:
        return None


def _describe(asked: AskedPath, status: os.stat_result) -> dict[str, object]:
    is_link = stat.S_ISLNK(status.st_mode)
    return {
        "name": asked.name,
        "size": status.st_size,
        "mode": status.st_mode,
        "mtime": status.st_mtime_ns,
        "link_target": real_path(asked.path, _read_link) if is_link else "",
    }


def _stat(work: dict[str, Any]) -> None:
    asked = ask(work["path"])
    _, _, status = _find(asked)
    _tell(_describe(asked, status))


def _pack(work: dict[str, Any]) -> None:
    asked = ask(work["path"])
    directory, base, status = _find(asked)
    packer = Packer(_STDOUT, not_entered=_kernel_devices())
    name = os.fsencode(work["name"] or asked.name)
    if stat.S_ISDIR(status.st_mode):
        try:
            top = os.open(base, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
        except FileNotFoundError:
            raise Failed("missing") from None  # renamed since we found it
        _tell(_describe(asked, status))
        packer.tree(top, name)
    else:
        _tell(_describe(asked, status))
        packer.entry(directory, os.fsencode(base), name)
    packer.end()


def _kernel_devices() -> frozenset[int]:
    """What the kernel shows as files is no part of a tree, unless one asks for it by name."""
    found = set()
    for path in _KERNEL_MOUNTS:
        with suppress(OSError):
            found.add(Path(path).lstat().st_dev)
    return frozenset(found) - {Path("/").stat().st_dev}


def _tree(work: dict[str, Any]) -> None:
    """All of the root, as `docker export` gives it; or (`layer`) what is in the upper directory of an overlay.

    With `selected`, the root is a whole one, and stdin says what of it is the layer (layer_packing).
    """
    left_out = frozenset(os.fsencode(path) for path in work["left_out"])
    chosen, deleted = _selection() if work["selected"] else (None, ())
    packer = Packer(_STDOUT, layer=work["do"] == "layer", left_out=left_out, chosen=chosen)
    top = os.open(".", _DIRECTORY)
    _tell({})
    packer.tree(top, b"")
    for path in deleted:
        packer.whiteout(path)
    packer.end()


def _selection() -> tuple[frozenset[bytes], list[bytes]]:
    """The paths that a layer has, and those that it deletes."""
    with open(_STDIN, "rb", closefd=False) as file:
        entries = file.read().split(b"\0")[:-1]
    return frozenset(entry[1:] for entry in entries if entry[:1] == b"+"), [e[1:] for e in entries if e[:1] == b"-"]


def _unpack(work: dict[str, Any]) -> None:
    place = _open(ask(work["path"]).path, _PATH)
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        raise Failed("not-directory", "extraction point is not a directory")
    if os.fstatvfs(place).f_flag & os.ST_RDONLY:
        raise Failed("read-only")
    _tell({})
    read = work["input"].read
    owner = tuple(work["owner"]) if work["owner"] else None
    path = real_path(ask(work["path"]).path, _read_link)
    copy_in(TarReader(read), path, owner=owner, keep_kinds=work["keep_kinds"], whole=work["whole"])
    while read(1 << 18):
        pass  # so that who writes can finish


_WORK: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "stat": _stat,
    "pack": _pack,
    "export": _tree,
    "layer": _tree,
    "unpack": _unpack,
}
