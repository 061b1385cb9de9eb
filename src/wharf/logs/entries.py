"""Log entries as values. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

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


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of output, with its newline if it had one."""

    stream: Literal["stdout", "stderr"]
    time: str  # RFC 3339 with nanoseconds, UTC
    line: bytes
    attributes: dict[str, str] = field(default_factory=dict)


def format_time(moment: datetime) -> str:
    """A time in the form and precision of the files, so that texts compare as times do."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond:06d}000Z"


class Joiner:
    """Puts the pieces of long lines together again; the time is the first piece's."""

    def __init__(self) -> None:
        self._open: dict[str, list[LogEntry]] = {}

    def join(self, entries: Iterator[LogEntry]) -> Iterator[LogEntry]:
        for entry in entries:
            pieces = self._open.get(entry.stream)
            if pieces is None and entry.line.endswith(b"\n"):
                yield entry
                continue
            pieces = self._open.setdefault(entry.stream, [])
            pieces.append(entry)
            if entry.line.endswith(b"\n") or sum(len(piece.line) for piece in pieces) >= LONGEST_JOINED:
                del self._open[entry.stream]
                yield _joined(pieces)

    def rest(self) -> Iterator[LogEntry]:
        """What has no end yet."""
        waiting, self._open = self._open, {}
        for pieces in waiting.values():
            yield _joined(pieces)


def _joined(pieces: list[LogEntry]) -> LogEntry:
    first = pieces[0]
    return LogEntry(first.stream, first.time, b"".join(piece.line for piece in pieces), first.attributes)


def is_wanted(entry: LogEntry, query: LogQuery) -> bool:
    """Whether stream and time of an entry are asked for."""
    if not (query.stdout if entry.stream == "stdout" else query.stderr):
        return False
    if query.since is not None and entry.time < format_time(query.since):
        return False
    return query.until is None or entry.time <= format_time(query.until)
