"""The mount table of this process (proc_pid_mountinfo(5))."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One mount."""

    point: str
    fstype: str
    shared: bool  # in a group of mounts that see each other's changes
    slave: bool  # receives the changes of such a group
    group: str = ""  # the number of the group that it is shared in


def parse(text: str) -> list[Entry]:
    """The entries in their order: of several at one place the last is the one that is seen."""
    return [_entry(line) for line in text.splitlines()]


def _entry(line: str) -> Entry:
    head, _, tail = line.partition(" - ")
    words = head.split(" ")
    groups = {kind: number for kind, _, number in (word.partition(":") for word in words[6:])}
    point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), words[4])
    return Entry(point, tail.partition(" ")[0], "shared" in groups, "master" in groups, groups.get("shared", ""))


def read() -> list[Entry]:
    """All mounts that this process sees."""
    return parse(Path("/proc/self/mountinfo").read_text())


def containing(entries: Iterable[Entry], path: str) -> Entry:
    """The mount that an absolute path without links is on. Raises LookupError when not even the root is listed."""
    found: Entry | None = None
    for entry in entries:
        if is_below(path, entry.point) and (found is None or len(entry.point) >= len(found.point)):
            found = entry
    if found is None:
        raise LookupError(path)
    return found


def is_below(path: str, directory: str) -> bool:
    """Whether `path` is `directory` or in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")
