"""Which networks a list shows and a prune takes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from wharf.apitypes.filters import name_matches, until
from wharf.engine.containers import wording
from wharf.engine.containers.listing import label_matches
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import InvalidArgument

Filters = Mapping[str, Sequence[str]]
KNOWN: Final = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
PRUNE_KNOWN: Final = frozenset({"label", "label!", "until"})
_TRUE, _FALSE = ("true", "1"), ("false", "0")


def matcher(filters: Filters, has_members: Callable[[str], bool]) -> Callable[[NetworkRecord], bool]:
    """A test of one network. Raises InvalidArgument for a filter that does not exist or cannot match."""
    _check(filters, KNOWN)
    for kind in filters.get("type", ()):
        if kind not in ("builtin", "custom"):
            raise InvalidArgument(f"invalid filter: 'type'='{kind}'")
    dangling = _flag(filters, "dangling")
    names, ids, drivers = filters.get("name"), filters.get("id"), filters.get("driver")
    scopes, kinds, labels = filters.get("scope"), filters.get("type"), filters.get("label", ())

    def matches(record: NetworkRecord) -> bool:
        return (
            (not names or name_matches(record.name, names))
            and (not ids or name_matches(record.id, ids))
            and (not drivers or record.driver in drivers)
            and (not scopes or record.scope in scopes)
            and (not kinds or ("builtin" if record.built_in else "custom") in kinds)
            and label_matches(record.labels, labels)
            and (dangling is None or dangling is not (record.built_in or has_members(record.name)))
        )

    return matches


def prune_matcher(filters: Filters, now: datetime) -> Callable[[NetworkRecord], bool]:
    """A test of whether prune takes a network."""
    _check(filters, PRUNE_KNOWN)
    limit = until(filters, now)

    def matches(record: NetworkRecord) -> bool:
        return (
            label_matches(record.labels, filters.get("label", ()))
            and not any(label_matches(record.labels, [text]) for text in filters.get("label!", ()))
            and (limit is None or wording.parse_time(record.created) < limit)
        )

    return matches


def _flag(filters: Filters, name: str) -> bool | None:
    """None for a filter that is not there. Raises InvalidArgument for one that is neither true nor false."""
    values = filters.get(name, ())
    if len(values) > 1:
        raise InvalidArgument(f'got more than one value for filter key "{name}"')
    if not set(values) <= {*_TRUE, *_FALSE}:
        raise InvalidArgument(f'invalid value for filter \'{name}\', must be "true" (or "1"), or "false" (or "0")')
    return values[0] in _TRUE if values else None


def _check(filters: Filters, known: frozenset[str]) -> None:
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'")
