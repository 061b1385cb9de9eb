import base64
import json
from typing import Any

import pytest

from wharf.runtime.bundle import (
    DEFAULT_CAPABILITIES,
    HOST,
    NEW,
    BlockLimit,
    BundleSpec,
    Device,
    HostFacts,
    Mount,
    Namespaces,
    Resources,
    Rlimit,
    default_mounts,
    fitted,
    made_privileged,
    with_init,
)
from wharf.runtime.config_json import config_json


def config(**changes: Any) -> dict[str, Any]:
    document = json.loads(config_json(BundleSpec(**({"args": ("sh",)} | changes))))
    assert isinstance(document, dict)
    return document


def test_the_default_is_confined() -> None:
    document = config(hostname="box")
    process, linux = document["process"], document["linux"]
    assert document["hostname"] == "box"
    assert process["capabilities"]["effective"] == list(DEFAULT_CAPABILITIES)
    assert "inheritable" not in process["capabilities"]
    assert "ambient" not in process["capabilities"]
    assert "/proc/kcore" in linux["maskedPaths"]
    assert "/proc/sys" in linux["readonlyPaths"]
    assert linux["resources"]["devices"][0] == {"allow": False, "type": "a", "access": "rwm"}
    assert {one["type"]: one.get("path") for one in linux["namespaces"]} == {
        "mount": None,
        "network": "/proc/self/ns/net",
        "pid": None,
        "ipc": None,
        "uts": None,
    }
    assert "seccomp" not in linux


def test_another_user_has_no_effective_capabilities() -> None:
    capabilities = config(uid=1000, gid=1000)["process"]["capabilities"]
    assert capabilities == {"bounding": list(DEFAULT_CAPABILITIES), "effective": [], "permitted": []}


@pytest.mark.parametrize(
    ("namespaces", "kind", "expected"),
    [
        (Namespaces(network=HOST), "network", None),
        (Namespaces(pid=HOST), "pid", None),
        (Namespaces(ipc="/proc/7/ns/ipc"), "ipc", {"type": "ipc", "path": "/proc/7/ns/ipc"}),
        (Namespaces(cgroup=NEW), "cgroup", {"type": "cgroup"}),
        (Namespaces(), "cgroup", None),
    ],
)
def test_namespaces(namespaces: Namespaces, kind: str, expected: dict[str, str] | None) -> None:
    found = [one for one in config(namespaces=namespaces)["linux"]["namespaces"] if one["type"] == kind]
    assert found == ([expected] if expected else [])


def test_the_hosts_name_is_not_changed() -> None:
    assert "hostname" not in config(namespaces=Namespaces(uts=HOST), hostname="box")


def test_resources_that_nobody_asked_for_are_not_there() -> None:
    assert set(config()["linux"]["resources"]) == {"devices"}


def test_resources() -> None:
    wanted = Resources(
        memory=1 << 20, memory_swap=-1, cpu_shares=512, cpu_quota=5000, cpuset_cpus="0-1", pids=9,
        oom_kill_disable=True,        read_bps=(BlockLimit(8, 0, 100),), blkio_weight_device=(BlockLimit(8, 16, 500),),
    )  # fmt: skip
    resources = config(resources=wanted)["linux"]["resources"]
    assert resources["memory"] == {"limit": 1 << 20, "swap": -1, "disableOOMKiller": True}
    assert resources["cpu"] == {"shares": 512, "quota": 5000, "cpus": "0-1"}
    assert resources["pids"] == {"limit": 9}
    assert resources["blockIO"] == {
        "weightDevice": [{"major": 8, "minor": 16, "weight": 500}],
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 100}],
    }


def test_unlimited_is_the_largest_number() -> None:
    limits = config(rlimits=(Rlimit("RLIMIT_CORE", -1, -1),))["process"]["rlimits"]
    assert limits == [{"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1}]


def test_a_compiled_filter_is_used_instead_of_the_profile() -> None:
    document = config(seccomp={"defaultAction": "SCMP_ACT_ERRNO"}, seccomp_bpf=b"12345678")
    assert "seccomp" not in document["linux"]
    assert base64.b64decode(document["annotations"]["run.oci.seccomp_bpf_data"]) == b"12345678"
    assert config(seccomp={"defaultAction": "SCMP_ACT_ERRNO"})["linux"]["seccomp"]


def test_privileged_is_everything_the_host_has() -> None:
    facts = HostFacts(frozenset({"CAP_SYS_ADMIN"}), {}, (Device("/dev/sda", "b", 8, 0), Device("/dev/a", "c", 1, 1)))
    spec = BundleSpec(args=("sh",), seccomp={"x": 1}, devices=(Device("/dev/a", "c", 9, 9),))
    privileged = made_privileged(spec, facts)
    assert privileged.capabilities == ("CAP_SYS_ADMIN",)
    assert [(device.path, device.major) for device in privileged.devices] == [("/dev/a", 9), ("/dev/sda", 8)]
    assert privileged.masked_paths == privileged.readonly_paths == ()
    assert privileged.seccomp is None
    assert all("ro" not in mount.options for mount in privileged.mounts)
    assert [mount.destination for mount in privileged.mounts] == [mount.destination for mount in spec.mounts]


def test_an_init_runs_the_command() -> None:
    spec = with_init(BundleSpec(args=("sh", "-c", "true")), "/usr/bin/tini")
    assert spec.args == ("/sbin/docker-init", "--", "sh", "-c", "true")
    assert spec.mounts[-1] == Mount("/sbin/docker-init", "bind", "/usr/bin/tini", ("bind", "ro", "rprivate"))


def test_shared_memory_can_come_from_elsewhere() -> None:
    host, other = (default_mounts(shm_source=source)[-1] for source in ("/dev/shm", "/run/x"))
    assert host == Mount("/dev/shm", "bind", "/dev/shm", ("rbind", "rprivate"))
    assert other == Mount("/dev/shm", "bind", "/run/x", ("rbind", "rprivate", "nosuid", "noexec", "nodev"))
    assert "size=1024" in default_mounts(shm_size=1024)[-1].options


def test_what_the_host_lacks_is_left_out_with_a_warning() -> None:
    facts = HostFacts(frozenset({"CAP_KILL"}), {"RLIMIT_NOFILE": 1000, "RLIMIT_CORE": -1}, lowest_oom_score_adj=100)
    spec = BundleSpec(
        args=("sh",),
        capabilities=("CAP_KILL", "CAP_SYS_RESOURCE"),
        rlimits=(Rlimit("RLIMIT_NOFILE", 50, 5000), Rlimit("RLIMIT_CORE", -1, -1), Rlimit("RLIMIT_NOFILE", -1, -1)),
    )
    fit, warnings = fitted(spec, facts)
    assert fit.capabilities == ("CAP_KILL",)
    assert [(limit.soft, limit.hard) for limit in fit.rlimits] == [(50, 1000), (-1, -1), (1000, 1000)]
    assert fit.oom_score_adj == 100
    assert len(warnings) == 3
    assert "CAP_SYS_RESOURCE" in warnings[0]


def test_nothing_is_changed_where_the_host_has_all() -> None:
    spec = BundleSpec(args=("sh",), rlimits=(Rlimit("RLIMIT_NOFILE", 1, 2),), oom_score_adj=-500)
    assert fitted(spec, HostFacts(frozenset(DEFAULT_CAPABILITIES), {})) == (spec, [])
