"""The kernel's counters and limits, read from and planned for directories that look like its own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.linux import interfaces
from wharf.linux.cgroup_limits import Limits, changes, io_weight, weight_of_shares
from wharf.linux.cgroup_usage import Group, IOCount, Usage

GROUP = "/wharf/x"


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_version_1(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "cpu/wharf/x/cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 1\n",
            "cpuacct/wharf/x/cpuacct.usage_percpu": "2000 3000 \n",
            "cpuacct/wharf/x/cpuacct.stat": "user 7\nsystem 8\n",
            "memory/wharf/x/memory.usage_in_bytes": "100\n",
            "memory/wharf/x/memory.max_usage_in_bytes": "200\n",
            "memory/wharf/x/memory.failcnt": "4\n",
            "memory/wharf/x/memory.limit_in_bytes": "4096\n",
            "memory/wharf/x/memory.stat": "cache 1\ntotal_inactive_file 9\n",
            "pids/wharf/x/pids.current": "6\n",
            "pids/wharf/x/pids.max": "max\n",
            "blkio/wharf/x/blkio.throttle.io_service_bytes_recursive": "8:0 Read 512\n8:0 Write 0\nTotal 512\n",
        },
    )
    assert Group(GROUP, root=str(tmp_path)).usage() == Usage(
        cpu=5000,
        cpu_user=70_000_000,
        cpu_system=80_000_000,
        each_cpu=[2000, 3000],
        periods=3,
        throttled_periods=2,
        throttled_time=1,
        memory=100,
        most_memory=200,
        memory_failures=4,
        memory_limit=4096,
        memory_details={"cache": 1, "total_inactive_file": 9},
        pids=6,
        io_bytes=[IOCount(8, 0, "Read", 512), IOCount(8, 0, "Write", 0)],
    )


def test_version_2(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "cgroup.controllers": "cpu memory pids io\n",
            "wharf/x/cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 1\nthrottled_usec 4\n",
            "wharf/x/memory.current": "100\n",
            "wharf/x/memory.max": "max\n",
            "wharf/x/memory.stat": "anon 1\ninactive_file 9\n",
            "wharf/x/pids.current": "6\n",
            "wharf/x/pids.max": "50\n",
            "wharf/x/io.stat": "8:0 rbytes=512 wbytes=4 rios=1 wios=2 dbytes=0 dios=0\n",
        },
    )
    assert Group(GROUP, root=str(tmp_path)).usage() == Usage(
        cpu=5000,
        cpu_user=3000,
        cpu_system=2000,
        periods=1,
        throttled_time=4000,
        memory=100,
        memory_details={"anon": 1, "inactive_file": 9},
        pids=6,
        pids_limit=50,
        io_bytes=[IOCount(8, 0, "read", 512), IOCount(8, 0, "write", 4)],
        io_operations=[IOCount(8, 0, "read", 1), IOCount(8, 0, "write", 2)],
    )


def test_a_group_that_has_gone(tmp_path: Path) -> None:
    assert Group(GROUP, root=str(tmp_path)).usage() == Usage()


def test_interfaces() -> None:
    listing = (
        b"Inter-|   Receive  |  Transmit\n face |bytes packets\n"
        b"    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
        b"  eth0:1016 12 3 4 0 0 0 0 20 21 22 23 0 0 0 0\n"
        b" \xff\x85: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
        b"  eth2: 1 2 3 4 0 0 0 0 5 6 7 8"
    )
    assert interfaces.parse(listing) == {
        "eth0": interfaces.Traffic(1016, 12, 3, 4, 20, 21, 22, 23),
        "\ufffd\ufffd": interfaces.Traffic(1, 2, 3, 4, 5, 6, 7, 8),
    }


MEMORY = "memory/wharf/x/memory.limit_in_bytes"
SWAP = "memory/wharf/x/memory.memsw.limit_in_bytes"


@pytest.mark.parametrize(
    ("present", "limits", "order"),
    [
        ("100", Limits(memory=200, memory_swap=400), [SWAP, MEMORY]),
        ("500", Limits(memory=200, memory_swap=400), [MEMORY, SWAP]),
        ("500", Limits(memory=-1, memory_swap=-1), [SWAP, MEMORY]),
    ],
)
def test_memory_is_never_above_memory_swap(tmp_path: Path, present: str, limits: Limits, order: list[str]) -> None:
    lay(tmp_path, {MEMORY: present, SWAP: present})
    files = [file for file, _ in changes(GROUP, limits, str(tmp_path))]
    assert files == [str(tmp_path / name) for name in order]


def test_limits_of_version_2(tmp_path: Path) -> None:
    names = ("memory.max", "memory.swap.max", "cpu.weight", "cpuset.cpus", "pids.max", "io.weight")
    lay(tmp_path, {"cgroup.controllers": "", "wharf/x/cpu.max": "max 100000\n", **{f"wharf/x/{n}": "" for n in names}})
    limits = Limits(
        memory=100, memory_swap=150, cpu_shares=1024, cpu_quota=5000, cpuset_cpus="0", pids=-1, blkio_weight=10
    )
    found = {Path(file).name: text for file, text in changes(GROUP, limits, str(tmp_path))}
    assert found == {
        "memory.max": "100",
        "memory.swap.max": "50",
        "cpu.weight": "39",
        "cpu.max": "5000 100000",
        "cpuset.cpus": "0",
        "pids.max": "max",
        "io.weight": "1",
    }


def test_the_machines_own_group_is_never_changed(tmp_path: Path) -> None:
    for path in ("/", "", "/../x", "system.slice:wharf:x"):
        with pytest.raises(FileNotFoundError):
            changes(path, Limits(pids=1), str(tmp_path))


@given(st.integers(2, 262_144), st.integers(10, 1000))
def test_weights_are_in_range(shares: int, weight: int) -> None:
    assert 1 <= weight_of_shares(shares) <= 10_000
    assert 1 <= io_weight(weight) <= 10_000


RUNTIME = "cpu/wharf/x/cpu.rt_runtime_us"
PERIOD = "cpu/wharf/x/cpu.rt_period_us"


@pytest.mark.parametrize(
    ("period", "order"),
    [("1000", [PERIOD, RUNTIME]), ("1000000", [RUNTIME, PERIOD])],
)
def test_real_time_is_never_above_its_period(tmp_path: Path, period: str, order: list[str]) -> None:
    lay(tmp_path, {RUNTIME: "500", PERIOD: period})
    found = changes(GROUP, Limits(cpu_realtime_runtime=5000, cpu_realtime_period=10_000), str(tmp_path))
    assert [file for file, _ in found] == [str(tmp_path / name) for name in order]
