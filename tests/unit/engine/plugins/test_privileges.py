"""What plugins demand, and what counts as granting it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.plugins import PluginPrivilege
from wharf.engine.plugins.privileges import check_granted, demanded
from wharf.errors import EngineError
from wharf.spec.plugin_config import PluginConfig, PluginDevice, PluginLinux, PluginMount, PluginNetwork

GREEDY = PluginConfig(
    network=PluginNetwork(type="host"),
    ipc_host=True,
    pid_host=True,
    mounts=(
        PluginMount(type="bind", source="/b", options=("rbind",)),
        PluginMount(type="bind", name="later"),
        PluginMount(type="tmpfs", source="/a", options=("size=1m",)),
        PluginMount(type="bind", source=""),
        PluginMount(type="overlay", source="/c", options=("lowerdir=/etc:/usr",)),
        PluginMount(type="cgroup", source="/d"),
    ),
    linux=PluginLinux(
        capabilities=("CAP_B", "CAP_A"),
        allow_all_devices=True,
        devices=(PluginDevice(path="/dev/fuse"), PluginDevice(name="later")),
    ),
)


def shown(privileges: Sequence[PluginPrivilege]) -> list[tuple[str, list[str]]]:
    return [(one.name, one.value) for one in privileges]


def test_everything_of_the_host_is_demanded_by_name() -> None:
    assert shown(demanded(GREEDY)) == [
        ("network", ["host"]),
        ("host ipc namespace", ["true"]),
        ("host pid namespace", ["true"]),
        ("mount", ["/b"]),
        ("mount", ["/a"]),
        ("mount", [""]),
        ("mount", ["/c", "type=overlay", "lowerdir=/etc:/usr"]),
        ("mount", ["/d", "type=cgroup"]),
        ("device", ["/dev/fuse"]),
        ("allow-all-devices", ["true"]),
        ("capabilities", ["CAP_B", "CAP_A"]),
    ]


@pytest.mark.parametrize(("network", "count"), [("", 0), ("bridge", 0), ("null", 0), ("none", 1), ("host", 1)])
def test_networks_that_give_nothing_away_are_free(network: str, count: int) -> None:
    assert len(demanded(PluginConfig(network=PluginNetwork(type=network)))) == count


@given(st.permutations(demanded(GREEDY)))
def test_the_order_and_the_words_do_not_matter(granted: list[PluginPrivilege]) -> None:
    check_granted(GREEDY, [PluginPrivilege(name=one.name, value=one.value[::-1]) for one in granted])


@given(st.integers(0, len(demanded(GREEDY)) - 1), st.sampled_from(["less", "more", "other"]))
def test_anything_else_is_not_what_was_granted(index: int, how: str) -> None:
    granted = demanded(GREEDY)
    if how == "less":
        del granted[index]
    elif how == "more":
        granted.append(granted[index])
    else:
        granted[index] = PluginPrivilege(name=granted[index].name, value=["/somewhere/else"])
    with pytest.raises(EngineError, match=r"^incorrect privileges$"):
        check_granted(GREEDY, granted)
