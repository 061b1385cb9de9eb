"""Log entries as values. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

#: Pieces of a longer line are put together up to this size; what is longer stays in parts.
LONGEST_JOINED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which entries are wanted. `tail` counts lines from the end, of both streams, before the other conditions."""

    stdout: bool = True
    stderr: bool = True
    since: datetime | None = None
    until: datetime | None = None
    tail: int | None = None  # None is all
    follow: bool = False


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One line of output, with its newline if it had one. A struct, since there are millions."""

    stream: Literal["stdout", "stderr"]
    time: str  # RFC 3339 with nanoseconds, UTC
    line: bytes
    attributes: dict[str, str] = {}


def format_time(moment: datetime, *, last: bool = False) -> str:
    """A time in the form of the files, so that texts compare as times do: the first of its nanoseconds, or the last.

    Queries know microseconds only; what was written at the very time that one names is in it.
    """
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}{'999' if last else '000'}Z"


class Joiner:
    """Puts the pieces of long lines together again; the time is the first piece's."""

    def __init__(self) -> None:
        self._open: dict[str, list[LogEntry]] = {}

    def join(self, entries: list[LogEntry]) -> list[LogEntry]:
        """What is whole now."""
        found = []
        for entry in entries:
            ends = entry.line.endswith(b"\n")
            if ends and entry.stream not in self._open:
                found.append(entry)
                continue
            pieces = self._open.setdefault(entry.stream, [])
            pieces.append(entry)
            if ends or sum(len(piece.line) for piece in pieces) >= LONGEST_JOINED:
                del self._open[entry.stream]
                found.append(_joined(pieces))
        return found

    def rest(self) -> list[LogEntry]:
        """What has no end yet."""
        waiting, self._open = self._open, {}
        return [_joined(pieces) for pieces in waiting.values()]


def _joined(pieces: list[LogEntry]) -> LogEntry:
    first = pieces[0]
    return LogEntry(first.stream, first.time, b"".join(piece.line for piece in pieces), first.attributes)


def wanted(entries: list[LogEntry], query: LogQuery) -> list[LogEntry]:
    """Those whose stream and time are asked for."""
    for stream, is_asked_for in (("stdout", query.stdout), ("stderr", query.stderr)):
        if not is_asked_for:
            entries = [entry for entry in entries if entry.stream != stream]
    if query.since is not None:
        since = format_time(query.since)
        entries = [entry for entry in entries if entry.time >= since]
    if query.until is not None:
        until = format_time(query.until, last=True)
        entries = [entry for entry in entries if entry.time <= until]
    return entries
