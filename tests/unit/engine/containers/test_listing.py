from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from harness.records import recorded
from wharf.apitypes.containers import ContainerConfig, HostConfig, MountPoint
from wharf.engine.containers import listing
from wharf.engine.containers.record import Container, Status
from wharf.errors import InvalidArgument
from wharf.network.contract import Endpoint, PublishedPort

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def container(name: str, **changes: object) -> Container:
    plain = recorded(
        name * 8,
        name,
        created="2026-01-01T10:00:00Z",
        config=ContainerConfig(image="busybox", labels={"tier": "web"}, exposed_ports={"53/udp": {}}),
        host=HostConfig(network_mode="default"),
        status=Status.RUNNING,
        mounts=[MountPoint(type="volume", name="data", destination="/data")],
        endpoints={
            "bridge": Endpoint(
                "e", name, "bridge", "v", "m", "172.17.0.2", 16, "172.17.0.1", [PublishedPort(80, "tcp", "", 8080)]
            )
        },
    )
    return plain.with_(**changes)


def matches(filters: dict[str, Sequence[str]], one: Container) -> bool:
    return listing.matcher(filters, lambda name: frozenset({"sha256:1"} if name == "busybox" else ()))(one)


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [
        ("id", "webweb", "web1"),
        ("name", "w.b", "^eb"),
        ("label", "tier", "other"),
        ("label", "tier=web", "tier=db"),
        ("status", "running", "exited"),
        ("ancestor", "busybox", "debian"),
        ("network", "bridge", "host"),
        ("volume", "data", "dat"),
        ("volume", "/data", "/d"),
        ("publish", "8080", "80"),
        ("publish", "8000-9000/tcp", "8080/udp"),
        ("expose", "53/udp", "53"),
        ("health", "none", "healthy"),
        ("is-task", "false", "true"),
    ],
)
def test_each_filter_takes_and_leaves(name: str, value: str, other: str) -> None:
    assert matches({name: [value]}, container("web"))
    assert not matches({name: [other]}, container("web"))


def test_values_of_one_filter_are_alternatives_but_labels_add_up() -> None:
    assert matches({"status": ["exited", "running"]}, container("web"))
    assert not matches({"label": ["tier", "missing"]}, container("web"))


def test_exit_codes_count_only_for_the_exited() -> None:
    assert matches({"exited": ["3"]}, container("web", status=Status.EXITED, exit_code=3))
    assert not matches({"exited": ["0"]}, container("web"))


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"colour": ["red"]}, "invalid filter 'colour'"),
        (
            {"status": ["asleep"]},
            "invalid filter 'status=asleep': invalid value for state (asleep): must be one of created, running, "
            "paused, restarting, removing, exited, dead",
        ),
        ({"exited": ["x"]}, "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax"),
        (
            {"health": ["well"]},
            "invalid filter 'health=well': invalid value for health (well): must be one of none, starting, healthy, "
            "unhealthy",
        ),
        ({"is-task": ["x"]}, "invalid filter 'is-task=[x]'"),
        ({"is-task": ["true", "false"]}, "invalid filter 'is-task=[true false]'"),
        ({"publish": ["x"]}, 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'),
        (
            {"expose": ["99999"]},
            'error while looking up for expose 99999: strconv.ParseUint: parsing "99999": value out of range',
        ),
    ],
)
def test_filters_that_cannot_be(filters: dict[str, Sequence[str]], words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        listing.check(filters)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        ({}, True),
        ({"until": ["1h"]}, True),
        ({"until": ["3h"]}, False),
        ({"until": ["2026-01-01T11:00:00Z"]}, True),
        ({"until": ["1767258000"]}, False),
        ({"label": ["tier=web"]}, True),
        ({"label!": ["tier"]}, False),
    ],
)
def test_what_prune_takes(filters: dict[str, Sequence[str]], taken: bool) -> None:
    assert listing.prune_matcher(filters, NOW)(container("web")) is taken


def test_prune_refuses_times_it_cannot_read() -> None:
    with pytest.raises(InvalidArgument):
        listing.prune_matcher({"until": ["soon"]}, NOW)
