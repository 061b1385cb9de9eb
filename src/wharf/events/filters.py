"""Which events a reader of GET /events asked for. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from wharf.errors import InvalidArgument
from wharf.events.event import Event

# The objects that can be named by a filter of their own type: container=web, image=busybox, ...
_NAMED: Final = frozenset(
    {"builder", "config", "container", "daemon", "image", "network", "node", "plugin", "secret", "service", "volume"}
)
KEYS: Final = _NAMED | {"event", "label", "scope", "type"}


def event_filter(filters: Mapping[str, Sequence[str]]) -> Callable[[Event], bool]:
    """The test that `filters` mean: every key must hold, by any of its values (by all of them for labels).

    Raises InvalidArgument for a key that dockerd does not know.
    """
    for key in filters:
        if key not in KEYS:
            raise InvalidArgument(f"invalid filter '{key}'")
    asked = {key: tuple(values) for key, values in filters.items() if values}
    return lambda event: all(_holds(key, values, event) for key, values in asked.items())


def _holds(key: str, values: Sequence[str], event: Event) -> bool:
    if key == "type":
        return event.type in values
    if key == "event":
        # "health_status" asks for all of "health_status: healthy", "exec_create" for every command.
        return event.action in values or event.action.partition(":")[0] in values
    if key == "scope":
        return "local" in values
    if key == "label":
        return all(_has_label(label, event.attributes) for label in values)
    if key == "image":
        return _is_image(values, event)
    return event.type == key and any(_is_named(name, event) for name in values)


def _has_label(label: str, attributes: Mapping[str, str]) -> bool:
    name, equals, value = label.partition("=")
    return name in attributes and (not equals or attributes[name] == value)


def _is_named(name: str, event: Event) -> bool:
    """By id, unique start of the id, or name."""
    return bool(name) and (event.id.startswith(name) or event.attributes.get("name") == name.removeprefix("/"))


def _is_image(values: Sequence[str], event: Event) -> bool:
    """An image's own events, and those of containers made from it; a name without its tag counts."""
    names = {event.id, event.attributes.get("name", "")} if event.type == "image" else set()
    if event.type == "container":
        names = {event.attributes.get("image", "")}
    names |= {_without_tag(name) for name in names}
    return any(value and value in names for value in values)


def _without_tag(name: str) -> str:
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail and head != "sha256" else name
