"""Directory trees: their size, and their removal, without following links."""

import os
import stat
from contextlib import suppress
from pathlib import Path


def tree_size(directory: Path) -> int:
    """Bytes of the files below `directory`; a file with several names counts once. Blocks."""
    total = 0
    seen: set[tuple[int, int]] = set()
    todo = [str(directory)]
    while todo:
        with suppress(FileNotFoundError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    todo.append(entry.path)
                elif stat.S_ISREG(status.st_mode):
                    if status.st_nlink > 1:
                        key = (status.st_dev, status.st_ino)
                        if key in seen:
                            continue
                        seen.add(key)
                    total += status.st_size
    return total


def remove_tree(directory: Path) -> None:
    """Removes a directory and all below it; fine when it is gone already. Blocks."""
    try:
        with os.scandir(directory) as found:
            entries = list(found)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(Path(entry.path))
        else:
            Path(entry.path).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        directory.rmdir()
