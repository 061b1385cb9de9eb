"""A copy of the OCI runtime in memory that nobody can write to.

crun makes such a copy of itself at each start, so that no container can overwrite the program on the host
(CVE-2019-5736), and begins anew from it: that is a tenth of the whole start. It skips that when it already runs from a
sealed copy, which is therefore made once for all and handed to whoever starts a container.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

_COPIED: Final = ("crun",)  # runc's init looks for its own path
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

_Identity = tuple[int, int, int, int]


class SealedPrograms:
    """The copies of one daemon. Close them at the end."""

    def __init__(self) -> None:
        self._copies: dict[str, tuple[_Identity, int]] = {}

    def descriptor(self, program: str) -> int | None:
        """The copy of `program`, made anew when that was replaced; None where there is none and itself is to be run.

        The caller closes it: another may have the copy replaced before it has sent this one.
        """
        path = Path(program)
        if path.name not in _COPIED:
            return None
        try:
            identity = _identity(path)
            known = self._copies.get(program)
            if known is None or known[0] != identity:
                self._copies[program] = (identity, _copy(path))
                if known is not None:
                    os.close(known[1])
            return os.dup(self._copies[program][1])
        except OSError:
            return None

    def close(self) -> None:
        for _, fd in self._copies.values():
            os.close(fd)
        self._copies.clear()


def _identity(path: Path) -> _Identity:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _copy(path: Path) -> int:
    fd = os.memfd_create(path.name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        data = memoryview(path.read_bytes())
        while data:
            data = data[os.write(fd, data) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd
