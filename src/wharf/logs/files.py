"""The files of one log, the current and the rotated ones, and where to begin in them."""

import gzip
import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final

from wharf.logs.formats import Format

_BLOCK: Final = 1 << 16
_MOST_ROTATED: Final = 1000


def open_all(path: Path) -> list[BinaryIO]:
    """All files of the log that exist, oldest first; the caller closes them."""
    found: list[BinaryIO] = []
    for number in range(1, _MOST_ROTATED):
        file = _open_rotated(path, number)
        if file is None:
            break
        found.append(file)
    found.reverse()
    try:
        found.append(path.open("rb"))
    except FileNotFoundError:
        pass  # nothing written yet, or rotated this very moment
    return found


def _open_rotated(path: Path, number: int) -> BinaryIO | None:
    try:
        return Path(f"{path}.{number}").open("rb")
    except FileNotFoundError:
        pass
    try:
        return gzip.open(f"{path}.{number}.gz", "rb")  # type: ignore[return-value]  # GzipFile reads as BinaryIO does
    except FileNotFoundError:
        return None


def remove_all(path: Path) -> None:
    """Removes all files of a log that nobody writes. From the oldest on: of what is cut off, the newest stays."""
    rotated = 0
    while any(Path(f"{path}.{rotated + 1}{ending}").exists() for ending in ("", ".gz")):
        rotated += 1
    for number in range(rotated, 0, -1):
        for ending in ("", ".gz"):
            Path(f"{path}.{number}{ending}").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def newer_than(path: Path, read: os.stat_result) -> list[BinaryIO]:
    """The files that came after the one that has been read, oldest first; the caller closes them.

    That one may have been removed since, or compressed, which leaves its time as it was.
    """
    files = open_all(path)
    states = [os.fstat(file.fileno()) for file in files]
    known = [index for index, state in enumerate(states) if state.st_ino == read.st_ino]
    first = known[0] + 1 if known else next((i for i, s in enumerate(states) if s.st_mtime_ns > read.st_mtime_ns), -1)
    newer = files[first:]
    for old in files[: len(files) - len(newer)]:
        old.close()
    return newer


def seek_tail(files: list[BinaryIO], lines: int, format: Format) -> tuple[list[BinaryIO], int]:
    """Moves to the place from which `lines` lines follow; closes and leaves out the files before it.

    The number is of entries to pass over from there.
    """
    counted = 0
    seen_any = False
    for index in range(len(files) - 1, -1, -1):
        files[index] = _seekable(files[index])
        for (offset, skipped), ends_line in format.backwards(files[index]):
            if ends_line or not seen_any:
                if counted == lines:
                    files[index].seek(offset)
                    for old in files[:index]:
                        old.close()
                    return files[index:], skipped
                counted += 1
            seen_any = True
        files[index].seek(0)
    return files, 0


def _seekable(file: BinaryIO) -> BinaryIO:
    """A compressed file unpacked, since each step back in one unpacks it from the beginning."""
    if not isinstance(file, gzip.GzipFile):
        return file
    unpacked = TemporaryFile()  # noqa: SIM115  # the caller closes it
    with file:
        shutil.copyfileobj(file, unpacked, _BLOCK)
    return unpacked
