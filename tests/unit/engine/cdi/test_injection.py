"""Edits in a run, and where what they leave out comes from."""

import json
from pathlib import Path
from typing import Any

import pytest

from wharf.apitypes.containers import DeviceRequest
from wharf.engine.cdi.injection import injected
from wharf.engine.cdi.resolving import resolved
from wharf.errors import EngineError
from wharf.runtime.bundle import BundleSpec, Device, DeviceRule, Hook, Mount
from wharf.spec.cdi import ContainerEdits, DeviceNode
from wharf.spec.cdi import Hook as CdiHook
from wharf.spec.cdi import Mount as CdiMount

PLAIN = BundleSpec(args=("true",), env=("A=own", "B=own"), additional_gids=(5,))


def test_nothing_changes_nothing() -> None:
    assert injected(PLAIN, [ContainerEdits()]) == PLAIN


def test_variables_of_devices_win_and_the_last_of_them() -> None:
    run = injected(PLAIN, [ContainerEdits(env=["A=1", "C=1"]), ContainerEdits(env=["A=2"])])
    assert run.env == ("A=2", "B=own", "C=1")


def test_nodes_come_with_the_right_to_use_them() -> None:
    nodes = [
        DeviceNode(path="/dev/a", type="c", major=1, minor=2, permissions="r", file_mode=0o20640, uid=3, gid=4),
        DeviceNode(path="/dev/b", host_path="/dev/of-host", type="b", major=5, minor=6),
        DeviceNode(path="/dev/p", type="p"),
    ]
    mine = BundleSpec(args=("true",), devices=(Device("/dev/a", "c", 9, 9), Device("/dev/z", "c", 8, 8)))
    run = injected(mine, [ContainerEdits(device_nodes=nodes)])
    assert run.devices == (
        Device("/dev/z", "c", 8, 8),
        Device("/dev/a", "c", 1, 2, 0o640, 3, 4, "/dev/a"),
        Device("/dev/b", "b", 5, 6, 0o666, 0, 0, "/dev/of-host"),
        Device("/dev/p", "p", 0, 0, 0o666, 0, 0),
    )
    assert run.device_rules[len(mine.device_rules) :] == (
        DeviceRule(True, "c", 1, 2, "r"),
        DeviceRule(True, "b", 5, 6, "rwm"),
    )


def test_mounts_replace_and_parents_come_first() -> None:
    own = BundleSpec(args=("true",), mounts=(Mount("/a/b", "bind", "/own"), Mount("/proc", "proc", "proc")))
    edits = ContainerEdits(
        mounts=[
            CdiMount(host_path="/h", container_path="/a/b", options=["ro"]),
            CdiMount(host_path="t", container_path="/a", type="tmpfs"),
            CdiMount(host_path="/r", container_path="/a/b/c", options=["rbind"]),
        ]
    )
    assert injected(own, [edits]).mounts == (
        Mount("/proc", "proc", "proc"),
        Mount("/a", "tmpfs", "t"),
        Mount("/a/b", "bind", "/h", ("ro", "bind")),
        Mount("/a/b/c", "bind", "/r", ("rbind",)),
    )


def test_hooks_groups_and_cache_classes() -> None:
    hook = CdiHook(hook_name="poststop", path="/bin/x", args=["x", "y"], env=["A=1"], timeout=3)
    run = injected(PLAIN, [ContainerEdits(hooks=[hook], additional_gids=[0, 5, 44], intel_rdt={"closID": "gold"})])
    assert run.hooks == (Hook("poststop", "/bin/x", ("x", "y"), ("A=1",), 3),)
    assert run.additional_gids == (5, 44)
    assert run.intel_rdt == {"closID": "gold"}


def described(directory: Path, *edits: dict[str, Any], whole: dict[str, Any] | None = None) -> list[str]:
    """Writes a description with one device for each of `edits`; their full names."""
    devices = [{"name": f"d{number}", "containerEdits": one} for number, one in enumerate(edits)]
    document = {"cdiVersion": "1.1.0", "kind": "v.com/c", "containerEdits": whole or {}, "devices": devices}
    (directory / "v.json").write_text(json.dumps(document))
    return [f"v.com/c=d{number}" for number in range(len(edits))]


def asked(names: list[str], directory: Path) -> tuple[ContainerEdits, ...]:
    return resolved([DeviceRequest(driver="cdi", device_ids=names)], [directory])


def test_what_all_devices_of_a_description_need_comes_once_and_first(tmp_path: Path) -> None:
    names = described(tmp_path, {"env": ["A=0"]}, {"env": ["A=1"]}, whole={"env": ["ALL=1"]})
    assert [one.env for one in asked([*names, names[0]], tmp_path)] == [["ALL=1"], ["A=0"], ["A=1"]]


def test_a_node_that_is_described_by_its_path_only_is_that_of_the_host(tmp_path: Path) -> None:
    names = described(tmp_path, {"deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/null"}]})
    node = asked(names, tmp_path)[1].device_nodes[0]
    assert (node.path, node.type, node.major, node.minor) == ("/dev/x", "c", 1, 3)


def test_a_node_that_is_described_whole_need_not_be_on_the_host(tmp_path: Path) -> None:
    names = described(tmp_path, {"deviceNodes": [{"path": "/dev/none", "type": "u", "major": 7, "minor": 8}]})
    node = asked(names, tmp_path)[1].device_nodes[0]
    assert (node.type, node.major, node.minor) == ("c", 7, 8)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"deviceNodes": [{"path": "/dev/none"}]}, 'failed to stat CDI host device "/dev/none": No such file'),
        ({"deviceNodes": [{"path": "/etc"}]}, 'CDI host device "/etc" is not a device node'),
        ({"deviceNodes": [{"path": "/dev/null", "type": "b"}]}, "is not a device node of type b"),
        ({"netDevices": [{"hostInterfaceName": "a", "name": "b"}]}, "network devices are not supported"),
    ],
)
def test_what_cannot_be_given(tmp_path: Path, edits: dict[str, Any], message: str) -> None:
    names = described(tmp_path, edits)
    with pytest.raises(EngineError, match="CDI device injection failed: ") as caught:
        asked(names, tmp_path)
    assert message in str(caught.value)


def test_devices_that_nobody_describes_are_all_named(tmp_path: Path) -> None:
    described(tmp_path, {"env": ["A=0"]})
    with pytest.raises(EngineError, match=r"CDI device injection failed: unresolvable CDI devices x, v\.com/c=d9$"):
        asked(["x", "v.com/c=d0", "v.com/c=d9"], tmp_path)
