# ruff: noqa: PTH104, PTH118, PTH123
# No pathlib: the shim loads this, and it would double its memory.
"""The files by which a later daemon learns what became of a container, all in the bundle.

Each is written to a temporary name and renamed: it is whole or not there. Standard library only: the shim loads this.
"""

import os
from typing import Any, Final

from wharf.jsontext import decode_json
from wharf.jsontext import quoted as _quoted

SHIM: Final = "shim.json"  # {"pid", "start_time", "id", "cgroup"}: a shim exists (or did)
STARTED: Final = "started.json"  # {"pid", "start_time", "started", "cgroup"}: it runs (or did) this process
EXIT: Final = "exit.json"  # {"code", "finished", "oom_killed", "error", "lost_log_bytes"}: the end
SOCKET: Final = "shim.sock"
STATE: Final = "state"  # what the OCI runtime keeps
ROOTFS: Final = "rootfs"
SHM: Final = "shm"  # the /dev/shm of another container, seen by the shim and its container only
MOUNTS: Final = "mounts"  # where the shim puts what the runtime binds from there
CONFIG: Final = "config.json"
USER_NAMESPACE: Final = "user"  # mounted there, where only the shim and the runtime see it


def encode(value: object) -> bytes:
    """JSON. By hand because json.dumps() touches memory that a shim otherwise shares with all others."""
    return _text(value).encode()


def _text(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _quoted(value)
        case dict():
            return "{" + ",".join([f"{_quoted(name)}:{_text(item)}" for name, item in value.items()]) + "}"
        case list() | tuple():
            return "[" + ",".join([_text(item) for item in value]) + "]"
    raise TypeError(f"not for a record: {value!r}")


def write(directory: str | os.PathLike[str], name: str, record: dict[str, Any]) -> None:
    """Writes a record. No flush to the disk: after a power cut no container runs anyway."""
    path = os.path.join(directory, name)
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, encode(record))
    finally:
        os.close(fd)
    os.rename(f"{path}.new", path)


def read(directory: str | os.PathLike[str], name: str) -> dict[str, Any] | None:
    """A record, or None when it was never written."""
    try:
        with open(os.path.join(directory, name), "rb", buffering=0) as file:  # no text layer: a daemon reads thousands
            record = decode_json(file.read())
    except FileNotFoundError:
        return None
    return record if isinstance(record, dict) else None
