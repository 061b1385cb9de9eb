"""/etc/subuid and /etc/subgid, and what userns-remap says. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wharf.errors import InvalidArgument
from wharf.spec.id_mapping import Span

#: The user whose ranges `default` means; its name is the one that Docker's users know.
DEFAULT_USER: Final = "dockremap"
_FIRST: Final = 100_000  # as useradd's SUB_UID_MIN
_SIZE: Final = 65536


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: the ids that `owner`, a name or the number of a user, may use."""

    owner: str
    span: Span


def parse(text: str, file: str) -> tuple[Entry, ...]:
    """The entries of a file. Raises InvalidArgument for a line that is none: who may use what must not be guessed."""
    return tuple(_entries(text, file))


def _entries(text: str, file: str) -> Iterator[Entry]:
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        owner, *numbers = line.split(":")
        if len(numbers) != 2 or not owner or not all(one.isascii() and one.isdecimal() for one in numbers):
            raise InvalidArgument(f"cannot parse {file}: {line!r} is not name:first:count")
        yield Entry(owner, Span(int(numbers[0]), int(numbers[1])))


def spans_of(entries: Iterable[Entry], owners: Iterable[str]) -> tuple[Span, ...]:
    """The ids of who is known by these names, lowest first, as Docker lines them up; none of them empty."""
    known = set(owners)
    found = [one.span for one in entries if one.owner in known and one.span.size]
    return tuple(sorted(found, key=lambda span: span.first))


def next_span(entries: Iterable[Entry]) -> Span:
    """Ids for a new user, after all that others have."""
    first = max([_FIRST, *(one.span.end for one in entries)])
    return Span(first, _SIZE)


def parse_remap(text: str) -> tuple[str, str]:
    """User and group of a userns-remap: `default`, `user[:group]`, `uid[:gid]`. "" is no group of its own.

    Raises InvalidArgument.
    """
    user, colon, group = text.partition(":")
    if not user or ":" in group or (colon and not group):
        raise InvalidArgument(f'invalid user/group specification in --userns-remap: "{text}"')
    return (DEFAULT_USER if user == "default" else user), (DEFAULT_USER if group == "default" else group)
