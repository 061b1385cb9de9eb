"""★ idmapped binds: whom the owners of files on the host are in the container. Pure.

Written as `uids=HOST-CONTAINER-SIZE[#…][;gids=…]`: files of the user HOST of the host belong to CONTAINER in the
container, and the other way round for what the container makes. "" is the owner of what is bound for the container's
user.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec

from wharf.errors import InvalidArgument
from wharf.spec.id_mapping import IdMapping, IdRange

_END: Final = 2**32 - 1  # the last number means "nobody"
_FORM: Final = "uids=HOST-CONTAINER-SIZE[#...][;gids=...]"
_TRIPLE: Final = re.compile(r"(\d{1,10})-(\d{1,10})-(\d{1,10})")
_MOST: Final = 340  # what the kernel keeps in one map


@dataclass(frozen=True, slots=True)
class Range:
    """`size` ids from `inside` on are those from `outside` on."""

    inside: int
    outside: int
    size: int


def kernel_map(ranges: Iterable[Range]) -> str:
    """As the kernel takes it."""
    return "".join(f"{one.inside} {one.outside} {one.size}\n" for one in ranges)


@dataclass(frozen=True, slots=True)
class Idmap:
    """Both maps; an empty one maps nothing: every owner is nobody."""

    uids: tuple[Range, ...]
    gids: tuple[Range, ...]


def by_target(texts: Mapping[str, str] | msgspec.UnsetType) -> dict[str, str]:
    """HostConfig.Idmaps by mount points in their shortest form."""
    if isinstance(texts, msgspec.UnsetType):
        return {}
    return {posixpath.normpath(target).replace("//", "/"): text for target, text in texts.items()}


def parse(text: str) -> Idmap | None:
    """A map; None for "". Without `gids` they are as `uids`. Raises InvalidArgument."""
    if not text:
        return None
    found: dict[str, tuple[Range, ...]] = {}
    for part in text.split(";"):
        name, _, ranges = part.partition("=")
        if name not in ("uids", "gids") or name in found:
            raise InvalidArgument(f"invalid idmap {text!r}: expected {_FORM}")
        found[name] = tuple(_range(one, text) for one in ranges.split("#"))
        _check_ranges(found[name], text)
    uids = found.get("uids") or found["gids"]
    return Idmap(uids, found.get("gids", uids))


def _range(one: str, text: str) -> Range:
    match = _TRIPLE.fullmatch(one)
    if match is None:
        raise InvalidArgument(f"invalid idmap {text!r}: expected {_FORM}")
    host, container, size = map(int, match.groups())
    if not 0 < size <= _END or max(host, container) + size > _END:
        raise InvalidArgument(f"invalid idmap {text!r}: {one} is outside of 0-{_END - 1}")
    return Range(host, container, size)


def _check_ranges(ranges: Sequence[Range], text: str) -> None:
    """The kernel takes no map in which an id occurs twice on one side."""
    if len(ranges) > _MOST:
        raise InvalidArgument(f"invalid idmap: more than {_MOST} ranges")
    for side in ("inside", "outside"):
        ordered = sorted(ranges, key=lambda one: getattr(one, side))
        for one, next in pairwise(ordered):
            if getattr(one, side) + one.size > getattr(next, side):
                raise InvalidArgument(f"invalid idmap {text!r}: ranges overlap")


def exchanged(owner: int, user: int) -> tuple[Range, ...]:
    """A map that makes files of `owner` those of `user` and those of `user` of `owner`; all others stay as they are.

    An exchange, so that no id is without a place: who is not mapped could neither be seen nor make anything.
    """
    if owner == user:
        return (Range(0, 0, _END),)
    low, high = sorted((owner, user))
    parts = (
        Range(0, 0, low),
        Range(low, high, 1),
        Range(low + 1, low + 1, high - low - 1),
        Range(high, low, 1),
        Range(high + 1, high + 1, _END - high - 1),
    )
    return tuple(part for part in parts if part.size > 0)


def of_namespace(mapping: IdMapping) -> Idmap:
    """The map for files whose owners on disk are users of a container with this user namespace."""
    return Idmap(_as_ranges(mapping.uids), _as_ranges(mapping.gids))


def seen_in(idmap: Idmap, mapping: IdMapping) -> Idmap:
    """The map that does for a container with this user namespace what `idmap` does for one without."""
    return Idmap(_through(idmap.uids, mapping.uids), _through(idmap.gids, mapping.gids))


def _as_ranges(ranges: Iterable[IdRange]) -> tuple[Range, ...]:
    return tuple(Range(one.container, one.host, one.size) for one in ranges)


def _through(first: Iterable[Range], then: Iterable[IdRange]) -> tuple[Range, ...]:
    """One map after the other; what the second does not map has no place."""
    found = []
    for one in first:
        for other in then:
            start = max(one.outside, other.container)
            size = min(one.outside + one.size, other.container + other.size) - start
            if size > 0:
                found.append(Range(one.inside + start - one.outside, other.host + start - other.container, size))
    return tuple(found)


def owner_for_user(owner: tuple[int, int], user: tuple[int, int]) -> Idmap:
    """What is meant without a word: the uid and gid of the source for those of the container's user."""
    return Idmap(exchanged(owner[0], user[0]), exchanged(owner[1], user[1]))
