# ruff: noqa: PTH116, PTH123
# No pathlib: it would double the shim's memory.
"""A copy of the OCI runtime in memory that nobody can write to.

crun makes such a copy of itself at each start, so that no container can overwrite the program on the host
(CVE-2019-5736), and begins anew from it: that is a tenth of the whole start. It skips that when it already runs from a
sealed copy, which the spawner therefore makes once for all.
"""

import fcntl
import os
from typing import Final

_COPIED: Final = ("crun",)  # runc does without in this version, and its init needs its own path
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_copies: Final[dict[str, tuple[tuple[int, ...], int]]] = {}  # path → what it was copied from, descriptor


def _identity(program: str) -> tuple[int, ...]:
    found = os.stat(program)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def copy(program: str) -> None:
    """Makes the copy. Where that is impossible the program itself is run."""
    try:
        identity = _identity(program)
        with open(program, "rb") as source:
            fd = os.memfd_create(os.path.basename(program), os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)  # noqa: PTH119
            data = source.read()
            while data:
                data = data[os.write(fd, data) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        return
    _copies[program] = (identity, fd)


def copy_installed(path: str) -> None:
    """Copies the runtimes that are in the directories of `path`."""
    for name in _COPIED:
        for directory in path.split(":"):
            program = f"{directory}/{name}"
            if os.access(program, os.X_OK):
                copy(program)
                break


def path_of(program: str) -> str:
    """What to execute for `program`: its copy, or itself where there is none or it has been replaced since."""
    identity, fd = _copies.get(program, ((), -1))
    try:
        current = fd >= 0 and _identity(program) == identity
    except OSError:
        current = False
    return f"/proc/self/fd/{fd}" if current else program


def forget() -> None:
    """Closes the copies, in a process that starts nothing more."""
    for _, fd in _copies.values():
        os.close(fd)
    _copies.clear()
