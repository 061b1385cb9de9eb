"""Which networks a list shows and a prune takes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from wharf.apitypes.filters import until
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
    dangling = list(filters.get("dangling", ()))
    if not set(dangling) <= {*_TRUE, *_FALSE}:
        raise InvalidArgument('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")')

    def matches(record: NetworkRecord) -> bool:
        unused = not record.built_in and not has_members(record.name) if dangling else False
        return (
            ("name" not in filters or any(name in record.name for name in filters["name"]))
            and ("id" not in filters or any(record.id.startswith(id) for id in filters["id"]))
            and ("driver" not in filters or record.driver in filters["driver"])
            and ("scope" not in filters or "local" in filters["scope"])
            and ("type" not in filters or ("builtin" if record.built_in else "custom") in filters["type"])
            and label_matches(record.labels, filters.get("label", ()))
            and all(unused == (text in _TRUE) for text in dangling)
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


def _check(filters: Filters, known: frozenset[str]) -> None:
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'")
