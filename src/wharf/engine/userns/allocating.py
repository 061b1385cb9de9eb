"""Ids for containers with `--userns=auto` and `keep-id`: none that another container has. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wharf.engine.userns.modes import Auto, KeepId
from wharf.errors import Conflict
from wharf.spec.id_mapping import IdMapping, IdRange, Span


@dataclass(frozen=True, slots=True)
class Pool:
    """The host's ids that containers may be given."""

    uids: tuple[Span, ...]
    gids: tuple[Span, ...]


#: What nobody else uses on a system with systemd (https://systemd.io/UIDS-GIDS): 4095 times 65536 ids.
DEFAULT_POOL: Final = Pool(*[(Span(0x7000_0000, 0x0FFF_0000),)] * 2)


def allocate(pool: Pool, taken: Iterable[IdMapping], mode: Auto | KeepId) -> IdMapping:
    """A mapping that shares no id with those that are taken. Raises Conflict when too few are left."""
    mappings = list(taken)
    uids = _first_gap(pool.uids, [one.outside for each in mappings for one in each.uids], mode.size, "user")
    gids = _first_gap(pool.gids, [one.outside for each in mappings for one in each.gids], mode.size, "group")
    if isinstance(mode, Auto):
        return IdMapping.consecutive([uids], [gids])
    return IdMapping(_keeping(uids, mode.uid, mode.host_uid), _keeping(gids, mode.gid, mode.host_gid))


def _first_gap(pool: Sequence[Span], taken: Sequence[Span], size: int, what: str) -> Span:
    ordered = sorted(taken, key=lambda span: span.first)
    for part in pool:
        start = part.first
        for used in ordered:
            if used.end <= start:
                continue
            if used.first >= start + size:
                break
            start = used.end
        if start + size <= part.end:
            return Span(start, size)
    raise Conflict(
        f"could not find {size} {what} ids that no container has: remove containers, or give the daemon a larger "
        "userns-pool"
    )


def _keeping(span: Span, id: int, host: int) -> tuple[IdRange, ...]:
    """All of the span, but the container's `id` is the host's `host`."""
    ranges = [
        IdRange(0, span.first, id),
        IdRange(id, host, 1),
        IdRange(id + 1, span.first + id + 1, span.size - id - 1),
    ]
    return tuple(one for one in ranges if one.size)
