"""User namespaces that are made for their maps only: no process lives in them."""

import ctypes
import os
import platform
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wharf.linux import syscall

_SYS_CLONE: Final = {"x86_64": 56}.get(platform.machine(), 220)  # 220 is that of all newer architectures

_libc = ctypes.PyDLL(None, use_errno=True)  # one that keeps the interpreter to itself: the child must not wait for it
_libc.syscall.restype = ctypes.c_long


@dataclass(frozen=True, slots=True)
class Range:
    """`size` ids from `inside` on are those from `outside` on."""

    inside: int
    outside: int
    size: int

    def __str__(self) -> str:
        return f"{self.inside} {self.outside} {self.size}"


def open_user_namespace(uids: Sequence[Range], gids: Sequence[Range]) -> int:
    """A descriptor of a new user namespace with these maps. The caller closes it. Raises OSError, as for bad maps."""
    child = _clone()
    try:
        for name, ranges in (("uid_map", uids), ("gid_map", gids)):
            # One write(2): the kernel takes a map as a whole and once.
            file = os.open(f"/proc/{child}/{name}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(file, "".join(f"{one}\n" for one in ranges).encode())
            finally:
                os.close(file)
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _clone() -> int:
    """A child in a new user namespace that only waits for its end.

    By clone(2) and not by fork(): in a process with threads the interpreter must not go on in the child, and here it
    does not: the next thing that it does is to sleep.
    """
    pid = int(
        _libc.syscall(ctypes.c_long(_SYS_CLONE), ctypes.c_ulong(syscall.CLONE_NEWUSER | signal.SIGCHLD), 0, 0, 0, 0)
    )
    if pid == 0:
        syscall.prctl(syscall.PR_SET_PDEATHSIG, signal.SIGKILL)
        while True:
            signal.pause()
    if pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "clone")
    return pid
