"""Kernel settings under /proc/sys. Those of net/ are the ones of the calling thread's network namespace."""

from pathlib import Path
from typing import Final

_ROOT: Final = Path("/proc/sys")


def read(name: str) -> str:
    """The value of a setting, such as `net/ipv4/ip_forward`. Raises OSError."""
    return (_ROOT / name).read_text().strip()


def ensure(name: str, value: str) -> bool:
    """Sets it unless it is so already (a read-only /proc/sys is then no hindrance). Returns whether it changed.

    Raises OSError.
    """
    if read(name) == value:
        return False
    (_ROOT / name).write_text(value)
    return True
