"""The files of one log, the current and the rotated ones, and where to begin in them."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from wharf.logs.entries import ends_line

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


def newer_than(path: Path, inode: int) -> list[BinaryIO]:
    """The files that came after the one with this inode number, oldest first; the current only if that is gone."""
    files = open_all(path)
    for index, file in enumerate(files):
        if os.fstat(file.fileno()).st_ino == inode:
            for old in files[: index + 1]:
                old.close()
            return files[index + 1 :]
    for old in files[:-1]:
        old.close()
    return files[-1:]


def seek_tail(files: list[BinaryIO], lines: int) -> list[BinaryIO]:
    """Moves to the place from which `lines` lines follow; closes and leaves out the files before it."""
    counted = 0
    seen_any = False
    for index in range(len(files) - 1, -1, -1):
        for position, raw in _backwards(files[index]):
            if ends_line(raw) or not seen_any:
                if counted == lines:
                    files[index].seek(position + len(raw))
                    for old in files[:index]:
                        old.close()
                    return files[index:]
                counted += 1
            seen_any = True
        files[index].seek(0)
    return files


def _backwards(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Position and bytes (newline included) of each whole line, from the last to the first."""
    end = file.seek(0, os.SEEK_END)
    rest = b""  # the beginning of what was read so far: a line whose start is not known yet
    while end > 0:
        start = max(0, end - _BLOCK)
        file.seek(start)
        data = file.read(end - start) + rest
        lines = data.splitlines(keepends=True) if b"\r" not in data else _split(data)
        first = 0 if start == 0 else 1
        position = start + len(data)
        for raw in reversed(lines[first:]):
            position -= len(raw)
            if raw.endswith(b"\n"):
                yield position, raw
        rest = lines[0] if first else b""
        end = start


def _split(data: bytes) -> list[bytes]:
    return [line + b"\n" for line in data.split(b"\n")[:-1]] + ([tail] if (tail := data.rpartition(b"\n")[2]) else [])
