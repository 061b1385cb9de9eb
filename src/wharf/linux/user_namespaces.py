# ruff: noqa: PTH109
# No pathlib: starters of containers load this.
"""User namespaces: making one, and a file system's root for it. Each function raises OSError."""

import _signal  # type: ignore[import-not-found]
import ctypes
import errno
import os
from collections.abc import Callable
from typing import Final, NoReturn

from wharf.linux import detached, syscall
from wharf.linux.bound_by_quotas import bound_by_quotas

_PR_SET_SECUREBITS: Final = 28
_PR_GET_SECUREBITS: Final = 27
_SECBIT_NO_SETUID_FIXUP: Final = 1 << 2
_THERE: Final = b"+"

_SYS_CLONE: Final = {"x86_64": 56}.get(os.uname().machine, 220)  # 220 is that of all newer architectures

_libc = ctypes.CDLL(None, use_errno=True)
#: One that keeps the interpreter to itself: the child of a clone(2) must not wait for it.
_libc_in_step = ctypes.PyDLL(None, use_errno=True)
_libc_in_step.syscall.restype = ctypes.c_long


class UserNamespace:
    """Descriptors of a user namespace, and of a network namespace that it owns if one was asked for."""

    def __init__(self, user: int, network: int | None) -> None:
        self.user = user
        self.network = network


def make(uids: str, gids: str, *, network: bool) -> UserNamespace:
    """A new one; `uids` and `gids` are its maps, as the kernel takes them. The caller closes the descriptors."""
    child = _clone(syscall.CLONE_NEWUSER | (syscall.CLONE_NEWNET if network else 0))
    try:
        _write(f"/proc/{child}/uid_map", uids)
        _write(f"/proc/{child}/gid_map", gids)
        return UserNamespace(_open(child, "user"), _open(child, "net") if network else None)
    finally:
        os.kill(child, _signal.SIGKILL)
        os.waitpid(child, 0)


def _clone(flags: int) -> int:
    """A child in new namespaces that only waits for its end. Raises OSError.

    By clone(2) and not by fork(): in a process with threads the interpreter must not go on in the child, and here it
    does not: the next thing that it does is to sleep.
    """
    arguments = (ctypes.c_long(_SYS_CLONE), ctypes.c_ulong(flags | _signal.SIGCHLD), 0, 0, 0, 0)
    parent = os.getpid()
    pid = int(_libc_in_step.syscall(*arguments))
    if pid == 0:
        while syscall.die_with(parent):
            _signal.pause()
        os._exit(0)
    if pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "user namespace")
    return pid


def _open(process: int, kind: str) -> int:
    return os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)


def join(path: str, *, network: bool) -> UserNamespace:
    """The one at `path`, with a new network namespace if asked for. The caller closes the descriptors."""
    user = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if not network:
        return UserNamespace(user, None)

    def enter() -> None:
        syscall.setns(user, syscall.CLONE_NEWUSER)
        syscall.unshare(syscall.CLONE_NEWNET)

    child = _Child(enter)
    try:
        return UserNamespace(user, _open(child.pid, "net"))
    finally:
        child.end()


class _Child:
    """A process that has gone where we cannot go ourselves, and waits there. Raises OSError when it could not."""

    def __init__(self, enter: Callable[[], None]) -> None:
        told, telling = os.pipe2(os.O_CLOEXEC)
        held, self._holding = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._holding)
            _go(enter, telling, held)
        os.close(telling)
        os.close(held)
        answer = os.read(told, 16)
        os.close(told)
        if answer != _THERE:
            self.end()
            number = int(answer or errno.EIO)
            raise OSError(number, os.strerror(number), "user namespace")

    def end(self) -> None:
        os.close(self._holding)
        os.waitpid(self.pid, 0)


def _go(enter: Callable[[], None], telling: int, held: int) -> NoReturn:
    try:
        enter()
        os.write(telling, _THERE)
        os.read(held, 1)  # until the other end is closed
    except OSError as error:
        os.write(telling, b"%d" % (error.errno or errno.EIO))
    finally:
        os._exit(0)


def _write(path: str, text: str) -> None:
    # A map is taken by one write, or not at all.
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def with_files_of(uid: int, gid: int, work: Callable[[], None]) -> None:
    """Runs `work` as one whose files belong to this user of the host; all other rights stay as they are."""
    bits = syscall.prctl(_PR_GET_SECUREBITS)
    # Otherwise the kernel would take the rights over files away with the change of the id.
    syscall.prctl(_PR_SET_SECUREBITS, bits | _SECBIT_NO_SETUID_FIXUP)
    _libc.setfsgid(gid)
    _libc.setfsuid(uid)
    try:
        work()
    finally:
        _libc.setfsuid(os.geteuid())
        _libc.setfsgid(os.getegid())
        syscall.prctl(_PR_SET_SECUREBITS, bits)


def mount_root(
    target: str, user_namespace: int, owner: tuple[int, int], *, fstype: str, source: str, data: str, directory: str
) -> None:
    """Mounts a container's root, of which the rest are the members (see RootMount), with the ids of its files mapped.

    `owner` is who the namespace's root is on the host. Mounts of the caller's namespace on the way to the root's
    directory must not be shared with others: one is made there for a moment.
    """
    if fstype == "bind":
        detached.place_mapped(source, target, user_namespace)
        return
    home = os.getcwd()
    detached.place_mapped(directory, directory, user_namespace)
    try:
        os.chdir(directory)

        # The kernel makes files of its own when it mounts an overlay, and a user that is not mapped could not.
        def mount() -> None:
            bound_by_quotas(lambda: syscall.mount(source, target, fstype, data=data))

        with_files_of(*owner, mount)
    finally:
        os.chdir(home)
        # The overlay has copies of its own.
        syscall.umount(directory, syscall.MNT_DETACH | syscall.UMOUNT_NOFOLLOW)
