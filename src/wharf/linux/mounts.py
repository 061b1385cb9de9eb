"""Mounts as values, and the calls that make and undo them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RootMount:
    """One mount(2) that makes a container's root. Relative paths in `data` are relative to `directory`."""

    fstype: str  # "overlay", or "bind" for drivers whose root is a plain directory (then `source` is that directory)
    source: str
    data: str
    directory: Path
