"""Limits of a request: dockerd's words for nonsense, its warnings for what the kernel cannot keep.

Messages and outcomes are those of dockerd 28.5 (of 20.10 too, unless it says so), asked one by one.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.apitypes.containers import HostConfig, ThrottleDevice, Ulimit, WeightDevice
from wharf.engine.containers.limits import keepable, parse_list
from wharf.engine.containers.resources import devices_of, resources_of, rlimits_of
from wharf.errors import InvalidArgument
from wharf.linux.cgroup_features import CgroupFeatures
from wharf.runtime.bundle import BlockLimit, Rlimit

MB = 1 << 20
Asked = dict[str, Any]
ALL = CgroupFeatures(
    version="1",
    memory=True,
    swap=True,
    memory_reservation=True,
    swappiness=True,
    oom_kill_disable=True,
    cpu_quota=True,
    cpu_shares=True,
    cpu_realtime=True,
    cpuset=True,
    cpus="0-1",
    memory_nodes="0",
    pids=True,
    io_weight=True,
    io_weight_device=True,
    io_limits=True,
    namespaces=True,
)
VDA = "/dev/vda"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"memory": 5 * MB}, "Minimum memory limit allowed is 6MB"),
        ({"memory": -1}, "Minimum memory limit allowed is 6MB"),
        (
            {"memory": 10 * MB, "memory_swap": 5 * MB},
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            {"memory_swap": 20 * MB},
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ),
        ({"memory_swappiness": 101}, "Invalid value: 101, valid memory swappiness range is 0-100"),
        ({"memory_swappiness": -2}, "Invalid value: -2, valid memory swappiness range is 0-100"),
        ({"memory_reservation": 5 * MB}, "Minimum memory reservation allowed is 6MB"),
        (
            {"memory": 10 * MB, "memory_reservation": 20 * MB},
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        (
            {"nano_cpus": 10**9, "cpu_period": 100_000},
            "Conflicting options: Nano CPUs and CPU Period cannot both be set",
        ),
        ({"nano_cpus": 10**9, "cpu_quota": 5}, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
        ({"nano_cpus": -1}, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        ({"nano_cpus": 2 * 10**9 + 1}, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        ({"cpu_shares": -1}, "invalid CPU shares (-1): value must be a positive integer"),
        *(
            (
                {"cpu_period": period},
                "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
            )
            for period in (999, 1_000_001, -1)
        ),
        ({"cpu_quota": 999}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ({"cpuset_cpus": "0-9"}, "Requested CPUs are not available - requested 0-9, available: 0-1"),
        ({"cpuset_cpus": "x"}, "Invalid value x for cpuset cpus: invalid format: x"),
        ({"cpuset_cpus": "1-0"}, "Invalid value 1-0 for cpuset cpus: invalid format: 1-0"),
        ({"cpuset_cpus": "0,,1"}, "Invalid value 0,,1 for cpuset cpus: invalid format: 0,,1"),
        ({"cpuset_cpus": "0\n"}, "Invalid value 0\n for cpuset cpus: invalid format: 0\n"),
        (
            {"cpuset_cpus": "0-99999"},
            "Invalid value 0-99999 for cpuset cpus: value of out range, maximum is 8192",
        ),
        ({"cpuset_mems": "5"}, "Requested memory nodes are not available - requested 5, available: 0"),
        ({"cpuset_mems": "-1"}, "Invalid value -1 for cpuset mems: invalid format: -1"),
        (
            {"cpu_realtime_period": 1000, "cpu_realtime_runtime": 2000},
            "cpu real-time runtime cannot be higher than cpu real-time period",
        ),
        ({"blkio_weight": 9}, "Range of blkio weight is from 10 to 1000"),
        ({"blkio_weight": 1001}, "Range of blkio weight is from 10 to 1000"),
        ({"oom_score_adj": 1001}, "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
        ({"oom_score_adj": -1001}, "Invalid value -1001, range for oom score adj is [-1000, 1000]"),
        ({"shm_size": -1}, "SHM size can not be less than 0"),
        ({"io_maximum_iops": 5}, "invalid option: QoS maximum IOPs configuration is not supported on linux"),
        ({"io_maximum_bandwidth": 5}, "invalid option: QoS maximum bandwidth configuration is not supported on linux"),
        # dockerd takes these and fails the start with words of the OCI runtime.
        ({"cpu_realtime_runtime": -5}, "cpu real-time period and runtime cannot be negative"),
        ({"blkio_weight_device": [WeightDevice(path=VDA, weight=5)]}, "invalid weight for device: /dev/vda:5"),
        ({"ulimits": [Ulimit(name="bogus", soft=1, hard=1)]}, "invalid ulimit type: bogus"),
        ({"ulimits": [Ulimit()]}, "invalid ulimit type: "),
        *(
            (
                {"ulimits": [Ulimit(name="nofile", soft=soft, hard=50)]},
                f"ulimit soft limit must be less than or equal to hard limit: {found}",
            )
            for soft, found in ((100, "100 > 50"), (-1, "soft: -1 (unlimited), hard: 50"))
        ),
    ],
)
def test_what_no_container_can_have(asked: Asked, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        keepable(HostConfig(**asked), ALL, cpus=2)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"memory": 6 * MB}, {"memory": 6 * MB, "memory_swap": 12 * MB}),
        ({"memory": 2**62 + 5}, {"memory": 2**62 + 5, "memory_swap": 2**63 - 1}),
        ({"memory": 10 * MB, "memory_swap": -1}, {"memory": 10 * MB, "memory_swap": -1}),
        ({"memory_swap": -1}, {"memory_swap": -1}),
        ({"memory_swappiness": -1}, {}),
        ({"memory_swappiness": 0}, {"memory_swappiness": 0}),
        ({"pids_limit": 0}, {}),
        ({"pids_limit": -5}, {}),
        ({"pids_limit": 5}, {"pids_limit": 5}),
        ({"nano_cpus": 2 * 10**9}, {"nano_cpus": 2 * 10**9}),
        ({"cpu_quota": -1}, {"cpu_quota": -1}),
        ({"cpuset_cpus": "0,1", "cpuset_mems": "0"}, {"cpuset_cpus": "0,1", "cpuset_mems": "0"}),
        (
            {"ulimits": [Ulimit(name="NOFILE", soft=5, hard=-1)]},
            {"ulimits": [Ulimit(name="NOFILE", soft=5, hard=-1)]},
        ),
    ],
)
def test_what_is_kept_and_how_it_is_written_down(asked: Asked, kept: Asked) -> None:
    assert keepable(HostConfig(**asked), ALL, cpus=2) == (HostConfig(**kept), [])


def test_an_update_may_name_swap_alone_and_take_the_limit_of_processes_away() -> None:
    wanted = HostConfig(memory_swap=20 * MB, pids_limit=-1)
    kept, warnings = keepable(wanted, ALL, cpus=2, update=True)
    assert (kept.memory_swap, kept.pids_limit, warnings) == (20 * MB, 0, [])
    assert keepable(HostConfig(memory=10 * MB), ALL, cpus=2, update=True)[0].memory_swap == 0


def test_no_oom_killer_and_no_limit_is_worth_a_warning() -> None:
    words = "OOM killer is disabled for the container, but no memory limit is set, this can result in"
    assert keepable(HostConfig(oom_kill_disable=True), ALL, cpus=2)[1][0].startswith(words)
    assert keepable(HostConfig(oom_kill_disable=True, memory=6 * MB), ALL, cpus=2)[1] == []


RATE = [ThrottleDevice(path=VDA, rate=1)]


MOUNTED = "or the cgroup is not mounted."


@pytest.mark.parametrize(
    ("lacking", "asked", "kept", "warning"),
    [
        (
            "memory",
            {"memory": 9 * MB},
            {"memory_swap": -1},
            f"memory limit capabilities {MOUNTED} Limitation discarded.",
        ),
        (
            "swap",
            {"memory": 9 * MB},
            {"memory": 9 * MB, "memory_swap": -1},
            f"swap limit capabilities {MOUNTED} Memory limited without swap.",
        ),
        (
            "swappiness",
            {"memory_swappiness": 0},
            {},
            f"memory swappiness capabilities {MOUNTED} Memory swappiness discarded.",
        ),
        (
            "memory_reservation",
            {"memory_reservation": 9 * MB},
            {},
            f"memory soft limit capabilities {MOUNTED} Limitation discarded.",
        ),
        (
            "oom_kill_disable",
            {"oom_kill_disable": True},
            {},
            "OomKillDisable. OomKillDisable discarded.",
        ),
        (
            "pids",
            {"pids_limit": 4},
            {},
            f"PIDs limit capabilities {MOUNTED} PIDs limit discarded.",
        ),
        (
            "cpu_shares",
            {"cpu_shares": 4},
            {},
            f"CPU shares {MOUNTED} Shares discarded.",
        ),
        (
            "cpu_quota",
            {"cpu_quota": 4000},
            {},
            "CPU CFS scheduler. CPU period/quota discarded.",
        ),
        (
            "cpuset",
            {"cpuset_cpus": "0"},
            {},
            f"cpuset {MOUNTED} Cpuset discarded.",
        ),
        (
            "io_weight",
            {"blkio_weight": 5},
            {},
            f"Block I/O weight {MOUNTED} Weight discarded.",
        ),
        (
            "io_weight_device",
            {"blkio_weight_device": [WeightDevice(path="/none", weight=5)]},
            {},
            f"Block I/O weight_device {MOUNTED} Weight-device discarded.",
        ),
        (
            "io_limits",
            {"blkio_device_read_bps": RATE},
            {},
            f"BPS Block I/O read limit {MOUNTED} Block I/O BPS read limit discarded.",
        ),
        (
            "io_limits",
            {"blkio_device_write_bps": RATE},
            {},
            f"BPS Block I/O write limit {MOUNTED} Block I/O BPS write limit discarded.",
        ),
        (
            "io_limits",
            {"blkio_device_read_iops": RATE},
            {},
            f"IOPS Block read limit {MOUNTED} Block I/O IOPS read limit discarded.",
        ),
        (
            "io_limits",
            {"blkio_device_write_iops": RATE},
            {},
            f"IOPS Block write limit {MOUNTED} Block I/O IOPS write limit discarded.",
        ),
        (
            "namespaces",
            {"cgroupns_mode": "private"},
            {"cgroupns_mode": "host"},
            "cgroup namespaces.  Cgroup namespace setting discarded.",
        ),
    ],
)
def test_what_the_kernel_cannot_keep_is_left_out_with_a_warning(
    lacking: str, asked: Asked, kept: Asked, warning: str
) -> None:
    poor = replace(ALL, **{lacking: False})  # type: ignore[arg-type]
    found = keepable(HostConfig(**asked), poor, cpus=2)
    assert found == (HostConfig(**kept), [f"Your kernel does not support {warning}"])
    assert keepable(HostConfig(), poor, cpus=2) == (HostConfig(), [])


@pytest.mark.parametrize(
    ("lacking", "asked", "message"),
    [
        (
            "cpu_quota",
            {"nano_cpus": 10**9},
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler",
        ),
        ("cpu_realtime", {"cpu_realtime_runtime": 5}, "kernel does not support CPU real-time scheduler"),
    ],
)
def test_what_the_kernel_must_have(lacking: str, asked: Asked, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        keepable(HostConfig(**asked), replace(ALL, **{lacking: False}), cpus=2)  # type: ignore[arg-type]


def test_windows_alone_knows_percents_of_cpus() -> None:
    warning = "linux does not support CPU percent. Percent discarded."
    assert keepable(HostConfig(cpu_percent=5), ALL, cpus=2) == (HostConfig(), [warning])


@given(st.frozensets(st.integers(0, 8192), min_size=1, max_size=20))
def test_a_list_is_read_whatever_its_order(numbers: frozenset[int]) -> None:
    assert parse_list(",".join(map(str, numbers))) == numbers


@pytest.mark.parametrize(("text", "numbers"), [("0", {0}), ("0-2,5", {0, 1, 2, 5}), ("3-3", {3})])
def test_lists(text: str, numbers: set[int]) -> None:
    assert parse_list(text) == numbers


def test_resources() -> None:
    host = HostConfig(
        memory=10 * MB,
        nano_cpus=1,
        cpu_shares=7,
        pids_limit=0,
        blkio_weight_device=[WeightDevice(path=VDA, weight=20)],
        blkio_device_write_iops=[ThrottleDevice(path="/dev/b", rate=3)],
    )
    assert list(devices_of(host)) == [VDA, "/dev/b"]
    found = resources_of(host, {VDA: (254, 0), "/dev/b": (8, 1)})
    assert (found.memory, found.memory_swap, found.pids, found.cpu_shares) == (10 * MB, 20 * MB, None, 7)
    assert (found.cpu_quota, found.cpu_period) == (1000, 100_000)  # the kernel takes no less
    assert found.blkio_weight_device == (BlockLimit(254, 0, 20),)
    assert found.write_iops == (BlockLimit(8, 1, 3),)


def test_the_last_word_about_a_ulimit_counts() -> None:
    own = [Ulimit(name="core", soft=1, hard=1), Ulimit(name="CORE", soft=2, hard=2)]
    defaults = [Ulimit(name="core", soft=9, hard=9), Ulimit(name="nofile", soft=5, hard=6)]
    assert set(rlimits_of(own, defaults)) == {Rlimit("RLIMIT_CORE", 2, 2), Rlimit("RLIMIT_NOFILE", 5, 6)}
