"""Filling what we cannot fill beside its place: another file system, mounted for as long as somebody uses it."""

import os
from pathlib import Path

from wharf.volumes.copying import copy_tree
from wharf.volumes.threads import Stopped


def fill_in_place(target: Path, source: int, stopped: Stopped) -> None:
    """Copies the open directory `source` into the directory `target` if that is empty. Long.

    Not all or nothing: who dies in the middle leaves a part, which counts as filled.
    """
    with os.scandir(target) as entries:
        # ext4 makes it, and no image means it.
        if any(entry.name != "lost+found" for entry in entries):
            return
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        copy_tree(source, descriptor, stopped)
    finally:
        os.close(descriptor)
