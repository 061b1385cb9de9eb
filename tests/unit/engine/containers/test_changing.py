from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records import recorded
from wharf.apitypes.containers import ContainerConfig, HostConfig, MountPoint, RestartPolicy
from wharf.engine.containers import changing, record
from wharf.engine.containers.changing import Change
from wharf.engine.containers.record import Container, Edit, Settings
from wharf.errors import InvalidArgument

OLD = Settings(
    path="sh",
    args=[],
    config=ContainerConfig(cmd=["sh"], env=["A=1"], labels={"a": "1"}),
    host=HostConfig(memory=64 << 20, memory_swap=128 << 20, masked_paths=["/proc/x"], cgroupns_mode="private"),
)


def container(settings: Settings = OLD, edit: Edit | None = None) -> Container:
    bare = recorded("1" * 64, "box")
    return bare.with_settings(settings, edit)


@pytest.mark.parametrize(
    ("config", "host", "found"),
    [
        ({"env": []}, {}, {"env": []}),
        ({"cmd": ["x"]}, {}, {"cmd": ["x"]}),
        ({"entrypoint": [""]}, {}, {"entrypoint": None}),
        ({}, {"memory": 32 << 20}, {"memory": 32 << 20, "memory_swap": 0}),
        ({}, {"memory": 32 << 20, "memory_swap": -1}, {"memory_swap": -1}),
        ({}, {"privileged": True}, {"masked_paths": None, "cgroupns_mode": ""}),
        ({}, {"privileged": False}, {"masked_paths": ["/proc/x"]}),
    ],
)
def test_what_is_set_is_set_and_what_follows_is_found_anew(
    config: dict[str, Any], host: dict[str, Any], found: dict[str, Any]
) -> None:
    new = changing.changed(OLD, Change(config, host))
    members = msgspec.structs.asdict(new[0]) | msgspec.structs.asdict(new[1])
    assert {name: members[name] for name in found} == found


def test_what_cannot_be_edited() -> None:
    for config, host in (({"image": "x"}, {}), ({}, {"network_mode": "host"}), ({}, {"userns_mode": "host"})):
        with pytest.raises(InvalidArgument, match="of a container cannot be edited"):
            changing.check_fixed(container(), Change(config, host))
    changing.check_fixed(container(), Change({"image": OLD.config.image}, {}))
    with pytest.raises(InvalidArgument, match="No command specified"):
        changing.changed(OLD, Change({"cmd": []}, {}))


@pytest.mark.parametrize(
    ("config", "host", "needed"),
    [
        ({}, {}, False),
        ({"labels": {}, "stop_timeout": 3}, {"restart_policy": RestartPolicy(name="always")}, False),
        ({}, {"memory": 32 << 20, "pids_limit": 9}, False),
        ({}, {"memory": 0}, True),  # no limit can be taken from a living group
        ({"env": []}, {}, True),
        ({}, {"cap_add": ["SYS_TIME"]}, True),
    ],
)
def test_whether_a_start_is_needed(config: dict[str, Any], host: dict[str, Any], needed: bool) -> None:
    new = Settings(
        path="sh",
        args=[],
        config=msgspec.structs.replace(OLD.config, **config),
        host=msgspec.structs.replace(OLD.host, **host),
    )
    assert changing.needs_start(OLD, new) is needed
    moved = msgspec.structs.replace(new, mounts=[MountPoint(type="bind")])
    assert changing.needs_start(OLD, moved)


@given(st.lists(st.sampled_from(["try", "record"])), st.booleans())
def test_until_a_start_has_succeeded_the_record_has_both(steps: list[str], restart: bool) -> None:
    new = Settings(path="new", args=["x"], config=ContainerConfig(cmd=["new", "x"]), host=HostConfig())
    now = container(edit=Edit(other=new, restart=restart))
    for step in steps:
        now = now.trying_edit() if step == "try" else record.decode(record.encode(now))
        assert now.without_edit() == container(OLD)
        assert {now.path, now.edit.other.path if now.edit else ""} == {"sh", "new"}
    assert now.trying_edit().settings == new
    assert now.with_(edit=None).trying_edit().edit is None
