"""Which networks lists and prunes take."""

from datetime import UTC, datetime

import pytest

from wharf.engine.networks import filters
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import InvalidArgument

BRIDGE = NetworkRecord(id="1111", name="bridge", created="2026-01-01T10:00:00Z")
HOST = NetworkRecord(id="2222", name="host", created="2026-01-01T10:00:00Z")
FRONT = NetworkRecord(id="3333", name="front", created="2026-01-01T11:00:00Z", labels={"tier": "one"})
BACK = NetworkRecord(id="4444", name="back", created="2026-01-01T12:00:00Z")
ALL = (BRIDGE, HOST, FRONT, BACK)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "bridge host front back"),
        ({"name": ["ro"]}, "front"),
        ({"name": ["^fr", "k$"]}, "front back"),
        ({"name": ["fron("]}, ""),  # no expression: as it is
        ({"name": []}, "bridge host front back"),
        ({"id": ["33", "2222"]}, "host front"),
        ({"driver": ["bridge"]}, "bridge front back"),
        ({"type": ["custom"]}, "front back"),
        ({"type": ["builtin"]}, "bridge host"),
        ({"label": ["tier"]}, "front"),
        ({"label": ["tier=two"]}, ""),
        ({"scope": ["swarm"]}, ""),
        ({"dangling": ["true"]}, "back"),
        ({"dangling": ["0"]}, "bridge host front"),
        ({"name": ["front"], "driver": ["host"]}, ""),
    ],
)
def test_lists(given: dict[str, list[str]], found: str) -> None:
    matches = filters.matcher(given, lambda name: name == "front")
    assert [record.name for record in ALL if matches(record)] == found.split()


@pytest.mark.parametrize(
    "given", [{"colour": ["red"]}, {"type": ["odd"]}, {"dangling": ["maybe"]}, {"dangling": ["1", "1"]}]
)
def test_filters_that_are_refused(given: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidArgument):
        filters.matcher(given, lambda name: False)


def test_prunes() -> None:
    now = datetime(2026, 1, 1, 13, tzinfo=UTC)

    def taken(**given: list[str]) -> list[str]:
        matches = filters.prune_matcher(given, now)
        return [record.name for record in ALL if matches(record)]

    assert taken(until=["90m"]) == ["bridge", "host", "front"]
    assert taken(**{"label!": ["tier"]}) == ["bridge", "host", "back"]
    assert taken(label=["tier=one"]) == ["front"]
