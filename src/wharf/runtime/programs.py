"""Where the programs are that containers need from the host."""

import os
import shutil
import struct
from pathlib import Path
from typing import Final

from wharf.errors import EngineError, InvalidArgument, Unavailable

#: In the order we prefer them: crun starts a container in half of runc's time.
RUNTIMES: Final = ("crun", "runc")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec/docker:/usr/libexec/podman"
_INITS: Final = ("docker-init", "tini-static", "catatonit", "tini")
#: Of an ELF header: its first bytes, where the program headers are, how long each is, and how many there are.
_ELF: Final = struct.Struct("<16s16xQ14xHH")
_ELF_64: Final = b"\x7fELF\x02\x01"  # little-endian, as all machines are that we run on
_INTERPRETER: Final = struct.pack("<I", 3)
#: What Docker's clients call the default runtime.
_ALIASES: Final = ("io.containerd.runc.v2", "io.containerd.runtime.v1.linux")


def find_runtime(name: str = "") -> str:
    """The absolute path of an OCI runtime; "" is the best one here.

    Raises Unavailable when it is not installed, InvalidArgument for a name that is no runtime of ours.
    """
    if name.startswith("/"):
        if not os.access(name, os.X_OK):
            raise Unavailable(f"the OCI runtime {name} is not there or cannot be run")
        return name
    if name and name not in RUNTIMES and name not in _ALIASES:
        raise InvalidArgument(f"unknown or invalid runtime name: {name}")
    wanted = (name,) if name in RUNTIMES else RUNTIMES
    for program in wanted:
        if path := shutil.which(program, path=PATH):
            return path
    raise Unavailable(f"no OCI runtime is installed: looked for {' and '.join(wanted)} in {PATH}")


def runtimes() -> dict[str, str]:
    """The OCI runtimes that are installed: names and paths, the default first."""
    found = ((name, shutil.which(name, path=PATH)) for name in RUNTIMES)
    return {name: path for name, path in found if path}


def find_init() -> str:
    """A small static init for `--init`. Raises EngineError when the host has none."""
    for program in _INITS:
        path = shutil.which(program, path=PATH)
        if path is not None and is_static(Path(path)):
            return path
    others = ", ".join(_INITS[1:])
    raise EngineError(
        f'exec: "{_INITS[0]}": executable file not found in $PATH, nor is any of {others} as a static program'
    )


def is_static(program: Path) -> bool:
    """Whether a program runs where its libraries are not: a 64-bit ELF file that names no interpreter."""
    with program.open("rb") as file:
        header = file.read(_ELF.size)
        if len(header) < _ELF.size or not header.startswith(_ELF_64):
            return False
        _, table, size, count = _ELF.unpack(header)
        file.seek(table)
        return all(file.read(size)[:4] != _INTERPRETER for _ in range(count))
