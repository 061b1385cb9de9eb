# ruff: noqa: PTH104, PTH118, PTH123
# No pathlib: the shim loads this, and it would double its memory.
"""The files by which a later daemon learns what became of a container, all in the bundle.

Each is written to a temporary name and renamed: it is whole or not there. Standard library only: the shim loads this.
"""

import json
import os
from typing import Any, Final

SHIM: Final = "shim.json"  # {"pid", "start_time", "id", "cgroups_path"}: a shim exists (or did)
STARTED: Final = "started.json"  # {"pid", "start_time", "started"}: it runs (or did) this process; times are RFC 3339
EXIT: Final = "exit.json"  # {"code", "finished", "oom_killed", "error"}: the end
SOCKET: Final = "shim.sock"
STATE: Final = "state"  # what the OCI runtime keeps
ROOTFS: Final = "rootfs"
CONFIG: Final = "config.json"


def write(directory: str | os.PathLike[str], name: str, record: dict[str, Any]) -> None:
    """Writes a record. No flush to the disk: after a power cut no container runs anyway."""
    path = os.path.join(directory, name)
    with open(f"{path}.new", "w") as file:
        json.dump(record, file)
    os.rename(f"{path}.new", path)


def read(directory: str | os.PathLike[str], name: str) -> dict[str, Any] | None:
    """A record, or None when it was never written."""
    try:
        with open(os.path.join(directory, name)) as file:
            record = json.load(file)
    except FileNotFoundError:
        return None
    return record if isinstance(record, dict) else None
