"""Who has to run before whom when a daemon starts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import recorded
from wharf.apitypes.containers import EndpointSettings, HostConfig, NetworkingConfig
from wharf.engine.containers.boot_order import waves
from wharf.engine.containers.record import Container


def container(name: str, *, links: tuple[str, ...] = (), **host: Any) -> Container:
    return recorded(
        name * 4,
        name,
        host=HostConfig(**host),
        networking=NetworkingConfig(endpoints_config={"net": EndpointSettings(links=list(links))}),
    )


def order(*containers: Container) -> list[set[str]]:
    by_name = {one.name: one for one in containers} | {one.id: one for one in containers}
    return [{one.name for one in wave} for wave in waves(containers, by_name.get)]


@pytest.mark.parametrize(
    "needing",
    [
        container("b", network_mode="container:a"),
        container("b", network_mode="container:aaaa"),
        container("b", pid_mode="container:a"),
        container("b", ipc_mode="container:a"),
        container("b", volumes_from=["a:ro"]),
        container("b", links=("a:db",)),
        container("b", links=("a",)),
    ],
)
def test_who_is_needed_starts_before(needing: Container) -> None:
    assert order(needing, container("c"), container("a")) == [{"a", "c"}, {"b"}]


def test_chains_and_who_is_not_started() -> None:
    one, two = container("b", network_mode="container:a"), container("c", pid_mode="container:b")
    assert order(two, one, container("a")) == [{"a"}, {"b"}, {"c"}]
    assert order(two) == [{"c"}]  # b runs already, or is gone
    assert order() == []


def test_those_that_need_one_another_come_all_the_same() -> None:
    one, two = container("a", pid_mode="container:b"), container("b", ipc_mode="container:a")
    assert order(one, two, container("c"), container("d", volumes_from=["a"])) == [{"c"}, {"a", "b", "d"}]
    assert order(container("a", volumes_from=["a"])) == [{"a"}]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefg"))), unique_by=lambda t: t[0]))
def test_each_comes_once_and_after_all_that_come_before_it_by_need(asked: list[tuple[str, list[str]]]) -> None:
    containers = [container(name, volumes_from=needs) for name, needs in asked]
    found = order(*containers)
    assert sorted(name for wave in found for name in wave) == sorted(one.name for one in containers)
    place = {name: number for number, wave in enumerate(found) for name in wave}
    for name, needs in asked:
        for need in set(needs) & place.keys() - {name}:
            assert place[need] < place[name] or place[name] == len(found) - 1
