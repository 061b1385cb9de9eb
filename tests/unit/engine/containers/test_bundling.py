import json
from pathlib import Path
from typing import Any

import pytest

from harness.records import recorded
from wharf.apitypes.containers import (
    ContainerConfig,
    DeviceMapping,
    HostConfig,
    MountPoint,
    NetworkingConfig,
    ThrottleDevice,
    Ulimit,
)
from wharf.engine.containers import bundling
from wharf.engine.containers.bundling import Seccomp, Surroundings
from wharf.engine.containers.record import Container, MountDetail
from wharf.engine.containers.sharing import Joined
from wharf.engine.networks import attachments
from wharf.errors import InvalidArgument
from wharf.runtime.bundle import DEFAULT_CAPABILITIES, Device, HostFacts, with_user_namespace
from wharf.runtime.config_json import config_json
from wharf.runtime.users import User
from wharf.spec.id_mapping import IdMapping, IdRange

EVERY = frozenset({*DEFAULT_CAPABILITIES, "CAP_SYS_ADMIN", "CAP_NET_ADMIN"})


def container(host: HostConfig = HostConfig(), **config: Any) -> Container:  # noqa: B008 - frozen
    return recorded("c" * 64, path="/bin/run", args=["-x"], config=ContainerConfig(hostname="web", **config), host=host)


def around(**changes: Any) -> Surroundings:
    given: dict[str, Any] = {
        "facts": HostFacts(EVERY, {}),
        "user": User(0, 0, (), "/root"),
        "etc": Path("/data/c"),
        "cgroups_path": "/wharf/c",
        "unified_cgroups": False,
    }
    return Surroundings(**(given | changes))


def bundled(one: Container, **changes: Any) -> dict[str, Any]:
    spec, _ = bundling.spec(one, around(**changes), every=EVERY)
    document: dict[str, Any] = json.loads(config_json(spec))
    return document


@pytest.mark.parametrize(
    ("add", "drop", "has", "has_not"),
    [
        ([], [], "CAP_CHOWN", "CAP_SYS_ADMIN"),
        (["SYS_ADMIN"], [], "CAP_SYS_ADMIN", "CAP_NET_ADMIN"),
        (["cap_net_admin"], ["CHOWN"], "CAP_NET_ADMIN", "CAP_CHOWN"),
        (["ALL"], ["CHOWN"], "CAP_SYS_ADMIN", "CAP_CHOWN"),
        (["CHOWN"], ["ALL"], "CAP_CHOWN", "CAP_KILL"),
    ],
)
def test_capabilities_are_added_and_dropped(add: list[str], drop: list[str], has: str, has_not: str) -> None:
    chosen = bundling.capabilities(HostConfig(cap_add=add, cap_drop=drop), EVERY)
    assert has in chosen and has_not not in chosen


def test_a_capability_that_does_not_exist() -> None:
    with pytest.raises(InvalidArgument, match="CAP_FLY"):
        bundling.capabilities(HostConfig(cap_add=["fly"]), EVERY)


def test_the_containers_variables_win_and_can_remove() -> None:
    env = bundling.environment(container(env=["PATH=/mine", "HOSTNAME", "A=b=c"], tty=True), "/home/x")
    assert env == ("PATH=/mine", "TERM=xterm", "A=b=c", "HOME=/home/x")


@pytest.mark.parametrize(
    ("mode", "network"),
    [
        ("default", {"type": "network", "path": "/proc/self/ns/net"}),
        ("none", {"type": "network"}),
        ("host", None),
        ("container:x", {"type": "network", "path": "/proc/42/fd/7"}),
    ],
)
def test_network_modes(mode: str, network: dict[str, str] | None) -> None:
    asked = attachments.normalised(mode, NetworkingConfig(), str)
    made = container(HostConfig(network_mode=mode)).with_(networking=asked)
    document = bundled(made, joined=Joined(network="/proc/42/fd/7"))
    found = [entry for entry in document["linux"]["namespaces"] if entry["type"] == "network"]
    assert found == ([network] if network else [])


@pytest.mark.parametrize(
    ("mode", "namespace", "shm"),
    [
        ("private", {"type": "ipc"}, "shm"),
        ("shareable", {"type": "ipc"}, "shm"),
        ("none", {"type": "ipc"}, None),
        ("host", None, "/dev/shm"),
        ("container:x", {"type": "ipc", "path": "/proc/42/fd/8"}, "/run/b/shm"),
    ],
)
def test_ipc_modes(mode: str, namespace: dict[str, str] | None, shm: str | None) -> None:
    around = {"joined": Joined(ipc="/proc/42/fd/8"), "shm_of_other": "/run/b/shm"} if mode == "container:x" else {}
    document = bundled(container(HostConfig(ipc_mode=mode)), **around)
    found = [entry for entry in document["linux"]["namespaces"] if entry["type"] == "ipc"]
    assert found == ([namespace] if namespace else [])
    assert {one["destination"]: one["source"] for one in document["mounts"]}.get("/dev/shm") == shm


def test_limits_reach_the_cgroup() -> None:
    host = HostConfig(
        memory=64 << 20,
        nano_cpus=1_500_000_000,
        pids_limit=7,
        cpuset_cpus="0",
        blkio_device_read_bps=[ThrottleDevice(path="/dev/x", rate=9)],
    )
    resources = bundled(container(host), numbers={"/dev/x": (8, 1)})["linux"]["resources"]
    assert resources["memory"] == {"limit": 64 << 20, "swap": 128 << 20}
    assert resources["cpu"] == {"quota": 150_000, "period": 100_000, "cpus": "0"}
    assert resources["pids"] == {"limit": 7}
    assert resources["blockIO"]["throttleReadBpsDevice"] == [{"major": 8, "minor": 1, "rate": 9}]


def test_no_limit_is_no_entry() -> None:
    resources = bundled(container(HostConfig(pids_limit=-1)))["linux"]["resources"]
    assert set(resources) == {"devices"}


def test_mounts_are_stacked_from_the_root_down() -> None:
    points = [
        MountPoint(type="bind", source="/b", destination="/a/b", rw=False, propagation="rslave"),
        MountPoint(type="volume", source="/v", destination="/a"),
    ]
    document = bundled(container(HostConfig(tmpfs={"/a/b/c": "size=1k"})).with_(mounts=points))
    own = [mount for mount in document["mounts"] if mount["destination"].startswith("/a")]
    assert [mount["destination"] for mount in own] == ["/a", "/a/b", "/a/b/c"]
    assert own[1]["options"] == ["rbind", "ro", "rslave"]
    assert document["linux"]["rootfsPropagation"] == "rslave"


def test_a_mount_of_the_user_replaces_ours() -> None:
    point = MountPoint(type="bind", source="/h", destination="/etc/hosts")
    document = bundled(container(HostConfig(tmpfs={"/dev/shm": "size=1m"})).with_(mounts=[point]))
    for path in ("/etc/hosts", "/dev/shm"):
        assert [mount["destination"] for mount in document["mounts"]].count(path) == 1


def test_devices_come_with_their_permission() -> None:
    device = Device("/dev/fuse", "c", 10, 229)
    host = HostConfig(
        devices=[DeviceMapping(path_on_host="/dev/fuse", path_in_container="/dev/f", cgroup_permissions="r")]
    )
    document = bundled(container(host), devices={"/dev/fuse": (device,)})
    assert [one["path"] for one in document["linux"]["devices"]] == ["/dev/f"]
    rule = document["linux"]["resources"]["devices"][-1]
    assert rule == {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"}


def test_ulimits_of_the_container_win_over_the_daemons() -> None:
    host = HostConfig(ulimits=[Ulimit(name="nofile", soft=5, hard=6)])
    defaults = (Ulimit(name="nofile", soft=1, hard=1), Ulimit(name="core", soft=0, hard=0))
    limits = {one["type"]: one["hard"] for one in bundled(container(host), ulimits=defaults)["process"]["rlimits"]}
    assert limits == {"RLIMIT_NOFILE": 6, "RLIMIT_CORE": 0}


def test_security_by_default() -> None:
    document = bundled(container(), seccomp=Seccomp(profile={"defaultAction": "SCMP_ACT_ERRNO"}))
    assert "CAP_SYS_ADMIN" not in document["process"]["capabilities"]["bounding"]
    assert "/proc/kcore" in document["linux"]["maskedPaths"]
    assert "/proc/sys" in document["linux"]["readonlyPaths"]
    assert document["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"


def test_privileged_lifts_all_of_it() -> None:
    document = bundled(container(HostConfig(privileged=True)), seccomp=Seccomp(profile={"x": 1}))
    assert "CAP_SYS_ADMIN" in document["process"]["capabilities"]["bounding"]
    assert not document["linux"]["maskedPaths"] and "seccomp" not in document["linux"]


@pytest.mark.parametrize(
    ("host", "access"),
    [
        (HostConfig(), "ro"),
        (HostConfig(privileged=True), "rw"),
        (HostConfig(security_opt=["writable-cgroups"]), "rw"),
        (HostConfig(security_opt=["writable-cgroups=false"], privileged=True), "ro"),
    ],
)
def test_who_may_change_its_control_groups(host: HostConfig, access: str) -> None:
    mounts = {mount["destination"]: mount["options"] for mount in bundled(container(host))["mounts"]}
    assert access in mounts["/sys/fs/cgroup"]


@pytest.mark.parametrize(
    ("host", "by_default", "held"),
    [
        (HostConfig(), False, False),
        (HostConfig(), True, True),
        (HostConfig(security_opt=["no-new-privileges"]), False, True),
        (HostConfig(security_opt=["no-new-privileges=false"]), True, False),
    ],
)
def test_new_privileges(host: HostConfig, by_default: bool, held: bool) -> None:
    assert bundled(container(host), no_new_privileges=by_default)["process"]["noNewPrivileges"] is held


def test_a_container_never_inherits_that_the_kernel_spares_its_daemon() -> None:
    assert bundled(container())["process"]["oomScoreAdj"] == 0
    assert bundled(container(HostConfig(oom_score_adj=300)))["process"]["oomScoreAdj"] == 300


@pytest.mark.parametrize("mode", ["default", "bridge", "host", "container:other"])
def test_without_networking_there_is_no_network(mode: str) -> None:
    one = container(HostConfig(network_mode=mode), network_disabled=True)
    assert bundling.network_kind(one) == "none"
    assert {"type": "network"} in bundled(one)["linux"]["namespaces"]


@pytest.mark.parametrize(
    ("detail", "supported", "access"),
    [
        (MountDetail(), True, ["rbind", "rro", "rprivate"]),
        (MountDetail(), False, ["rbind", "ro", "rprivate"]),
        (MountDetail(recursive=False, depth="top"), True, ["bind", "ro", "rprivate"]),
        (MountDetail(depth="top"), True, ["rbind", "ro", "rprivate"]),
    ],
)
def test_read_only_goes_for_what_is_mounted_below_too(detail: MountDetail, supported: bool, access: list[str]) -> None:
    point = MountPoint(type="bind", source="/s", destination="/m", rw=False, propagation="rprivate")
    found = bundled(container().with_mount(point, detail), recursive_read_only=supported)["mounts"]
    assert next(mount for mount in found if mount["destination"] == "/m")["options"] == access


def cgroup_mount(host: HostConfig) -> dict[str, Any]:
    document = bundled(container(host), unified_cgroups=True)
    return next(mount for mount in document["mounts"] if mount["destination"] == "/sys/fs/cgroup")


def test_with_version_2_only_a_namespace_of_its_own_gets_a_new_mount_of_the_groups() -> None:
    assert cgroup_mount(HostConfig(cgroupns_mode="private"))["type"] == "cgroup"
    bound = cgroup_mount(HostConfig(cgroupns_mode="host"))
    assert (bound["type"], "ro" in bound["options"]) == ("bind", True)
    assert "ro" not in cgroup_mount(HostConfig(cgroupns_mode="host", privileged=True))["options"]


def test_what_systemd_makes_it_forgets() -> None:
    name = "org.systemd.property.CollectMode"
    assert name in bundled(container(HostConfig()), cgroups_path="system.slice:wharf:c")["annotations"]
    assert bundled(container(HostConfig()))["annotations"] == {}


def test_in_a_user_namespace_the_hosts_devices_are_bound() -> None:
    host = HostConfig(
        devices=[DeviceMapping(path_on_host="/dev/fuse", path_in_container="/dev/x", cgroup_permissions="r")]
    )
    nodes = {"/dev/fuse": (Device("/dev/fuse", "c", 10, 229),)}
    spec, _ = bundling.spec(container(host), around(devices=nodes), every=EVERY)
    assert [(one.path, one.source) for one in spec.devices] == [("/dev/x", "/dev/fuse")]
    mapping = IdMapping((IdRange(0, 5000, 10),), (IdRange(0, 6000, 10),))
    document = json.loads(config_json(with_user_namespace(spec, mapping, "/run/b/user")))
    assert document["linux"]["namespaces"][1] == {"type": "user", "path": "/run/b/user"}
    assert document["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 5000, "size": 10}]
    assert document["linux"]["gidMappings"] == [{"containerID": 0, "hostID": 6000, "size": 10}]
    assert document["linux"]["devices"] == []
    assert document["mounts"][-1]["source"] == "/dev/fuse"
    assert {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "r"} in document["linux"]["resources"][
        "devices"
    ]


def test_without_one_nothing_is_said_of_it() -> None:
    document = bundled(container())
    assert "uidMappings" not in document["linux"]
    assert "user" not in {one["type"] for one in document["linux"]["namespaces"]}
