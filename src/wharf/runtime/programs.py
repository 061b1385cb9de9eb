"""Where the programs are that containers need from the host."""

import os
import shutil
from typing import Final

from wharf.errors import InvalidArgument, Unavailable

#: In the order we prefer them: crun starts a container in half of runc's time.
RUNTIMES: Final = ("crun", "runc")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec/docker:/usr/libexec/podman"
_INITS: Final = ("docker-init", "tini-static", "catatonit", "tini")
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
    """A small static init for `--init`. Raises Unavailable when the host has none."""
    for program in _INITS:
        if path := shutil.which(program, path=PATH):
            return path
    raise Unavailable(f"no init program is installed for containers: looked for {', '.join(_INITS)} in {PATH}")
