"""A Btrfs in a file."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.engine import missing

needed = pytest.mark.skipif(bool(missing(["mkfs.btrfs"])), reason="not installed: mkfs.btrfs")


@contextmanager
def mounted(directory: Path, *, size: int = 512 << 20) -> Iterator[Path]:
    """Where it is mounted, below `directory`; `size` is bytes."""
    disk, place = directory / "disk", directory / "place"
    with disk.open("wb") as file:
        file.truncate(size)
    place.mkdir()
    subprocess.run(["mkfs.btrfs", "-q", disk], check=True)
    subprocess.run(["mount", "-o", "loop", disk, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
