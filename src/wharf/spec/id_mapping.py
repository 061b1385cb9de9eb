"""Which users of the host a container's users are: the id mappings of a user namespace (user_namespaces(7))."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from wharf.errors import InvalidArgument

#: The kernel's limit of lines in one map, since Linux 4.15.
MOST_RANGES: Final = 340
#: Ids are 32 bits, and the highest one means "none".
ID_LIMIT: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Span:
    """`size` ids from `first` on."""

    first: int
    size: int

    @property
    def end(self) -> int:
        return self.first + self.size

    def overlaps(self, other: "Span") -> bool:
        return self.first < other.end and other.first < self.end


@dataclass(frozen=True, slots=True)
class IdRange:
    """`size` ids of the container, from `container` on, are those of the host from `host` on."""

    container: int
    host: int
    size: int

    @property
    def inside(self) -> Span:
        return Span(self.container, self.size)

    @property
    def outside(self) -> Span:
        return Span(self.host, self.size)


@dataclass(frozen=True, slots=True)
class IdMapping:
    """The users and the groups of one user namespace."""

    uids: tuple[IdRange, ...]
    gids: tuple[IdRange, ...]

    @classmethod
    def consecutive(cls, uids: Sequence[Span], gids: Sequence[Span]) -> Self:
        """The ids of the container, from 0 on, are those of the spans, one after the other."""
        return cls(_lined_up(uids), _lined_up(gids))

    @property
    def root(self) -> tuple[int, int]:
        """User and group of the host that the container's root is. Raises InvalidArgument when it is none."""
        return _host_id(self.uids, 0, "user"), _host_id(self.gids, 0, "group")


def check_mapping(mapping: IdMapping) -> None:
    """Raises InvalidArgument for what no namespace can have, and for one whose root would be a user of power."""
    for kind, ranges in (("uid", mapping.uids), ("gid", mapping.gids)):
        if len(ranges) > MOST_RANGES:
            raise InvalidArgument(f"invalid {kind} mapping: {len(ranges)} ranges, and the kernel takes {MOST_RANGES}")
        for one in ranges:
            _check_range(kind, one)
        _check_disjoint(f"{kind}s of the container", [one.inside for one in ranges])
        _check_disjoint(f"{kind}s of the host", [one.outside for one in ranges])
    mapping.root  # noqa: B018 - it raises


def table(ranges: Iterable[IdRange]) -> str:
    """The ranges as /proc/PID/uid_map takes them."""
    return "".join(f"{one.container} {one.host} {one.size}\n" for one in ranges)


def _check_range(kind: str, one: IdRange) -> None:
    text = f"{one.container}:{one.host}:{one.size}"
    if one.size < 1 or one.container < 0 or one.host < 0:
        raise InvalidArgument(f"invalid {kind} mapping {text}: no ids")
    if one.inside.end > ID_LIMIT or one.outside.end > ID_LIMIT:
        raise InvalidArgument(f"invalid {kind} mapping {text}: ids end at {ID_LIMIT - 1}")
    if one.host == 0:
        raise InvalidArgument(
            f"invalid {kind} mapping {text}: the host's root cannot be a user of a container with a user namespace"
        )


def _check_disjoint(what: str, spans: Sequence[Span]) -> None:
    ordered = sorted(spans, key=lambda span: span.first)
    for one, following in pairwise(ordered):
        if one.overlaps(following):
            raise InvalidArgument(f"invalid mapping: the {what} overlap at {following.first}")


def _host_id(ranges: Iterable[IdRange], id: int, what: str) -> int:
    for one in ranges:
        if one.container <= id < one.container + one.size:
            return one.host + id - one.container
    raise InvalidArgument(f"invalid mapping: {what} {id} of the container is nobody on the host")


def _lined_up(spans: Sequence[Span]) -> tuple[IdRange, ...]:
    found, next_id = [], 0
    for span in spans:
        found.append(IdRange(next_id, span.first, span.size))
        next_id += span.size
    return tuple(found)
