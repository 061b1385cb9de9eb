"""Asks the kernel whether the files of containers can be shown with other owners than they have on disk.

Run as `python -I -S -c "…; main()" WORK`: user namespaces are made by processes with one thread.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import wharf
from wharf.errors import EngineError
from wharf.linux import syscall, user_namespaces
from wharf.linux.mounts import RootMount

_SOURCES: Final = str(Path(wharf.__file__).parent.parent)
_PROGRAM: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from wharf.snapshots.id_mapping import main; main()"
#: Any user of the host that is not root.
_OWNER: Final = 1


def check(root: RootMount, writable: Path) -> None:
    """Makes a file in a root with mapped ids, whose changes go to `writable`. Blocks. Raises EngineError."""
    members = {"fstype": root.fstype, "source": root.source, "data": root.data, "directory": str(root.directory)}
    work = {"root": members, "writable": str(writable)}
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, _SOURCES, json.dumps(work)]
    child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        reason = child.stderr.strip().rpartition("\n")[2]
        raise EngineError(
            f"user namespaces need a file system below {root.directory} whose owners the kernel can map "
            f"(Linux 5.19, and ext4, xfs, btrfs or tmpfs): {reason}"
        )


def main() -> None:
    work = json.loads(sys.argv[1])
    try:
        _try(work["root"], work["writable"])
    except OSError as error:
        sys.exit(f"{error.strerror}")


def _try(root: dict[str, str], writable: str) -> None:
    syscall.unshare(syscall.CLONE_NEWNS)
    syscall.mount("", "/", "", syscall.MS_REC | syscall.MS_PRIVATE)
    namespace = user_namespaces.make(f"0 {_OWNER} 65536\n", f"0 {_OWNER} 65536\n", network=False)
    # By descriptor: for a moment another mount hides what is below the directory.
    target = f"{root['directory']}/tmp"
    place = os.open(target, os.O_PATH | os.O_DIRECTORY)
    user_namespaces.mount_root(f"/proc/self/fd/{place}", namespace.user, (_OWNER, _OWNER), **root)
    made = Path(target, "made")
    user_namespaces.with_files_of(_OWNER, _OWNER, made.touch)
    seen, on_disk = made.stat().st_uid, Path(writable, "made").stat().st_uid
    if (seen, on_disk) != (_OWNER, os.geteuid()):
        sys.exit(f"a file of user {_OWNER} is seen as that of {seen}, and on disk as that of {on_disk}")
