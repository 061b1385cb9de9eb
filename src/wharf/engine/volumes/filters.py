"""Which volumes a list or a prune takes: the filters of GET /volumes and POST /volumes/prune. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from wharf.apitypes.filters import name_matches
from wharf.engine.volumes.record import Volume
from wharf.errors import InvalidArgument

Filters = Mapping[str, Sequence[str]]

_LIST_KNOWN: Final = frozenset({"dangling", "driver", "label", "name"})
_PRUNE_KNOWN: Final = frozenset({"all", "label", "label!"})
_BOOLEANS: Final = {"1": True, "true": True, "0": False, "false": False}


def list_matcher(filters: Filters, is_used: Callable[[str], bool]) -> Callable[[Volume], bool]:
    """The test of one volume. Raises InvalidArgument for a filter that does not exist."""
    _check(filters, _LIST_KNOWN)
    tests: list[Callable[[Volume], bool]] = []
    if names := filters.get("name"):
        tests.append(lambda volume: name_matches(volume.name, names))
    if drivers := filters.get("driver"):
        tests.append(lambda volume: volume.driver in drivers)
    if labels := filters.get("label"):
        tests.append(lambda volume: all(_has_label(volume, label) for label in labels))
    dangling = _boolean(filters, "dangling")
    if dangling is not None:
        tests.append(lambda volume: is_used(volume.name) is not dangling)
    return lambda volume: all(test(volume) for test in tests)


def prune_matcher(filters: Filters) -> Callable[[Volume], bool]:
    """Of the unused volumes, those that go: anonymous ones, or all. Raises InvalidArgument."""
    _check(filters, _PRUNE_KNOWN)
    named_too = bool(_boolean(filters, "all"))
    wanted, unwanted = filters.get("label", ()), filters.get("label!", ())
    return lambda volume: (
        (named_too or volume.anonymous)
        and all(_has_label(volume, label) for label in wanted)
        and not any(_has_label(volume, label) for label in unwanted)
    )


def _check(filters: Filters, known: frozenset[str]) -> None:
    for name in filters:
        if name not in known:
            raise InvalidArgument(f"invalid filter '{name}'")


def _boolean(filters: Filters, name: str) -> bool | None:
    """None when the filter is not there. Raises InvalidArgument for what is neither, and for both."""
    values = filters.get(name, ())
    meant = {_BOOLEANS.get(value.lower()) for value in values}
    if None in meant or len(meant) > 1:
        raise InvalidArgument(f"invalid filter '{name}=[{' '.join(values)}]'")
    return meant.pop() if meant else None


def _has_label(volume: Volume, label: str) -> bool:
    name, equals, value = label.partition("=")
    return name in volume.labels and (not equals or volume.labels[name] == value)
