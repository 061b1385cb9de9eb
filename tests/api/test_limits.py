"""Limits of containers, asked for with the docker command and read where the kernel keeps them.

Runs on version 1, on hybrid machines and on version 2 of control groups; `make test-vm` runs it on the last.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine import API, Engine, missing, wait_until
from harness.groups import UNIFIED, block_device, here, inside, read_inside
from harness.wharfd import CGROUPS, SYSTEMD, Wharfd

MB = 1 << 20
WEIGHTS = ("weight", "weight_device")
SLEEP = ("busybox", "sleep", "1000")

#: An option, the file of the group that shows it, and its text: on version 1, on version 2.
MEMORY = (
    (("--memory", "64m"), ("memory/memory.limit_in_bytes", "memory/memory.max"), (str(64 * MB),) * 2),
    (
        ("--memory-swap", "96m"),
        ("memory/memory.memsw.limit_in_bytes", "memory/memory.swap.max"),
        (str(96 * MB), str(32 * MB)),
    ),
    (
        ("--memory-reservation", "32m"),
        ("memory/memory.soft_limit_in_bytes", "memory/memory.low"),
        (str(32 * MB),) * 2,
    ),
)
KEPT_BY_GROUPS = (
    (("--cpus", "1.5"), ("cpu/cpu.cfs_quota_us", "cpu/cpu.max"), ("150000", "150000 100000")),
    (("--cpu-shares", "512"), ("cpu/cpu.shares", "cpu/cpu.weight"), ("512", "20")),
    (("--cpuset-cpus", "0"), ("cpuset/cpuset.cpus", "cpuset/cpuset.cpus"), ("0", "0")),
    (("--cpuset-mems", "0"), ("cpuset/cpuset.mems", "cpuset/cpuset.mems"), ("0", "0")),
    *MEMORY,
    (("--pids-limit", "77"), ("pids/pids.max", "pids/pids.max"), ("77", "77")),
)


#: dockerd looks for limits of swap in its own group, and the root has none.
sees_swap = pytest.mark.skipif(
    UNIFIED and Path("/proc/self/cgroup").read_text() == "0::/\n", reason="dockerd cannot limit swap in the root group"
)


def host_config(engine: Engine, container: str) -> dict[str, object]:
    found: dict[str, object] = engine.request("GET", f"{API}/containers/{container}/json").json["HostConfig"]
    return found


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A node of a disk of this machine, and its numbers."""
    _, numbers = block_device()
    node = tmp_path / "disk"
    os.mknod(node, 0o600 | 0o060000, os.makedev(*map(int, numbers.split(":"))))
    yield str(node), numbers
    node.unlink()


def test_control_groups_keep_the_limits(wharfd: Wharfd) -> None:
    options = [word for option, _, _ in KEPT_BY_GROUPS for word in option]
    ran = wharfd.docker("run", "-d", "--name", "box", *options, *SLEEP)
    assert ran.error == ""
    found = read_inside(wharfd, "box", *(here(*files) for _, files, _ in KEPT_BY_GROUPS))
    assert found == [here(*texts) for _, _, texts in KEPT_BY_GROUPS]


def test_a_container_without_limits_has_none(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "--pids-limit", "-1", *SLEEP)
    memory, quota, pids = read_inside(
        wharfd,
        "box",
        here("memory/memory.limit_in_bytes", "memory/memory.max"),
        here("cpu/cpu.cfs_quota_us", "cpu/cpu.max"),
        "pids/pids.max",
    )
    assert memory == "max" or int(memory) > 1 << 60
    if SYSTEMD:
        # Its scope must not have systemd's own limit, which a container would hit without a word.
        assert {file.read_text().strip() for file in (CGROUPS / wharfd.cgroup).rglob("pids.max")} == {"max"}
    assert quota.split()[0] == here("-1", "max")
    assert pids == "max"
    found = host_config(wharfd, "box")
    assert (found["PidsLimit"], found["MemorySwap"], found["MemorySwappiness"]) == (None, 0, None)


def test_period_and_quota(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "--cpu-period", "50000", "--cpu-quota", "20000", *SLEEP)
    wharfd.docker("run", "-d", "--name", "free", "--cpu-quota", "-1", *SLEEP)
    if UNIFIED:
        assert read_inside(wharfd, "box", "cpu/cpu.max") == ["20000 50000"]
    else:
        assert read_inside(wharfd, "box", "cpu/cpu.cfs_period_us", "cpu/cpu.cfs_quota_us") == ["50000", "20000"]


def test_without_a_word_about_swap_there_is_as_much_as_memory(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "--memory", "32m", *SLEEP)
    name, size = here("memory/memory.memsw.limit_in_bytes", "memory/memory.swap.max"), here("64", "32")
    assert read_inside(wharfd, "box", name) == [str(int(size) * MB)]
    assert host_config(wharfd, "box")["MemorySwap"] == 64 * MB
    wharfd.docker("run", "-d", "--name", "free", "--memory", "32m", "--memory-swap", "-1", *SLEEP)
    [found] = read_inside(wharfd, "free", name)
    assert found == "max" or int(found) > 1 << 60


def test_what_version_2_has_no_more_is_left_out_with_a_warning(wharfd: Wharfd) -> None:
    options = ("--memory", "64m", "--memory-swappiness", "40", "--oom-kill-disable")
    ran = wharfd.docker("run", "-d", "--name", "box", *options, *SLEEP)
    found = host_config(wharfd, "box")
    if UNIFIED:
        assert "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted." in ran.error
        assert "Your kernel does not support OomKillDisable. OomKillDisable discarded." in ran.error
        assert (found["MemorySwappiness"], found["OomKillDisable"]) == (None, None)
    else:
        assert ran.error == ""
        assert (found["MemorySwappiness"], found["OomKillDisable"]) == (40, True)
        swappiness, control = read_inside(wharfd, "box", "memory/memory.swappiness", "memory/memory.oom_control")
        assert swappiness == "40" and "oom_kill_disable 1" in control


def test_limits_of_disks(wharfd: Wharfd, disk: tuple[str, str]) -> None:
    path, numbers = disk
    options = [
        *("--device-read-bps", f"{path}:1mb"),
        *("--device-write-bps", f"{path}:2mb"),
        *("--device-read-iops", f"{path}:300"),
        *("--device-write-iops", f"{path}:400"),
    ]
    # The docker command takes paths below /dev only.
    names = ("ReadBps", "WriteBps", "ReadIOps", "WriteIOps")
    rates = [int(text.rpartition(":")[2].replace("mb", "000000")) for text in options[1::2]]
    limits = {f"BlkioDevice{name}": [{"Path": path, "Rate": rate}] for name, rate in zip(names, rates, strict=True)}
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": limits}
    assert wharfd.request("POST", f"{API}/containers/create?name=box", body).json["Warnings"] == []
    wharfd.docker("start", "box")
    if UNIFIED:
        [found] = read_inside(wharfd, "box", "io/io.max")
        assert found == f"{numbers} rbps=1000000 wbps=2000000 riops=300 wiops=400"
    else:
        files = ("read_bps", "write_bps", "read_iops", "write_iops")
        found_1 = read_inside(wharfd, "box", *(f"blkio/blkio.throttle.{name}_device" for name in files))
        assert found_1 == [f"{numbers} {rate}" for rate in rates]


def test_weights_of_disks_are_kept_or_left_out_with_a_warning(wharfd: Wharfd, disk: tuple[str, str]) -> None:
    path, numbers = disk
    weights = {"BlkioWeight": 300, "BlkioWeightDevice": [{"Path": path, "Weight": 500}]}
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": weights}
    warnings = wharfd.request("POST", f"{API}/containers/create?name=box", body).json["Warnings"]
    wharfd.docker("start", "box")
    kept = host_config(wharfd, "box")
    bfq, cost, old = read_inside(wharfd, "box", "io/io.bfq.weight", "io/io.weight", "blkio/blkio.weight")
    words = [f"Your kernel does not support Block I/O {what} or the cgroup is not mounted." for what in WEIGHTS]
    if UNIFIED and bfq != "none":
        assert warnings == [] and bfq.splitlines() == ["default 300", f"{numbers} 500"]
    elif UNIFIED and cost != "none":
        assert cost == "default 2930"  # 300 of 10 to 1000, as version 2 counts: 1 to 10000
        assert warnings == [f"{words[1]} Weight-device discarded."]
        assert (kept["BlkioWeight"], kept["BlkioWeightDevice"]) == (300, [])
    elif old == "none":
        assert warnings == [f"{words[0]} Weight discarded.", f"{words[1]} Weight-device discarded."]
        assert (kept["BlkioWeight"], kept["BlkioWeightDevice"]) == (0, [])
    else:
        assert warnings == [] and old == "300"


def test_processes_get_their_own_limits(wharfd: Wharfd) -> None:
    options = ("--ulimit", "nofile=512:1024", "--ulimit", "core=0", "--shm-size", "8m", "--oom-score-adj", "500")
    script = "cat /proc/self/limits /proc/self/oom_score_adj; df -k /dev/shm"
    out = wharfd.docker("run", "--rm", *options, "busybox", "sh", "-c", script).text
    assert re.search(r"Max open files +512 +1024 ", out)
    assert re.search(r"Max core file size +0 +0 ", out)
    assert "\n500\n" in out
    assert re.search(r" 8192 .*/dev/shm", out)


def test_what_the_daemon_has_no_right_to_give_is_lowered_with_a_warning(wharfd: Wharfd) -> None:
    """A daemon without CAP_SYS_RESOURCE can raise no limit, and dockerd fails there; one that has it gives all."""
    status = Path("/proc/self/status").read_text()
    effective = int(re.search(r"CapEff:\s*(\w+)", status)[1], 16)  # type: ignore[index]
    may_raise = bool(effective >> 24 & 1)
    options = ("--ulimit", "nice=10:20", "--oom-score-adj", "-200")
    ran = wharfd.docker("run", "--rm", *options, "busybox", "cat", "/proc/self/limits", "/proc/self/oom_score_adj")
    if may_raise:
        assert ran.error == ""
        assert re.search(r"Max nice priority +10 +20 ", ran.text) and ran.text.endswith("-200")
    else:
        assert "WARNING: RLIMIT_NICE is limited to" in ran.error
        assert "WARNING: The OOM score cannot be lower than" in ran.error


@pytest.mark.parametrize("runtime", [name for name in ("crun", "runc") if not missing([name])])
def test_kernel_parameters_of_the_containers_own_namespaces(wharfd: Wharfd, runtime: str) -> None:
    options = (
        "--runtime",
        runtime,
        "--sysctl",
        "kernel.shmmax=1234567",
        "--sysctl",
        "net.ipv4.ip_forward=0",
        "--user",
        "1000",
    )
    paths = ("kernel/shmmax", "net/ipv4/ip_forward", "net/ipv4/ip_unprivileged_port_start", "net/ipv4/ping_group_range")
    ran = wharfd.docker("run", "--rm", *options, "busybox", "cat", *(f"/proc/sys/{path}" for path in paths))
    assert ran.text.split() == ["1234567", "0", "0", "0", "2147483647"]


def test_parent_groups(wharfd: Wharfd) -> None:
    if SYSTEMD:
        stem = wharfd.cgroup.removesuffix(".slice")
        parent, parents = f"{stem}-deep.slice", [f"{wharfd.cgroup}/{stem}-deep.slice"]
    else:
        parent = f"/{wharfd.cgroup}/deep/er"
        parents = [parent.lstrip("/"), f"{wharfd.cgroup}/deep"]
    wharfd.docker("run", "-d", "--name", "box", "--cgroup-parent", parent, *SLEEP)
    id = wharfd.docker("inspect", "--format", "{{.Id}}", "box").text
    directory = CGROUPS / here("pids", "") / parents[0] / (f"wharf-{id}.scope" if SYSTEMD else id)
    # The OCI runtime may make a group of its own below that of systemd.
    processes = [pid for file in directory.rglob("cgroup.procs") for pid in file.read_text().split()]
    assert processes == [str(wharfd.state("box")["Pid"])]
    wharfd.docker("rm", "-f", "box")
    wait_until(lambda: not directory.exists(), "its group is removed")
    if SYSTEMD:
        subprocess.run(["systemctl", "stop", parent], check=True)
        return
    hierarchies = (CGROUPS,) if UNIFIED else [path for path in CGROUPS.iterdir() if not path.is_symlink()]
    for left in (hierarchy / name for name in parents for hierarchy in hierarchies):
        if left.is_dir():
            left.rmdir()


def test_cgroup_namespaces(wharfd: Wharfd) -> None:
    def groups(mode: str) -> set[str]:
        out = wharfd.docker("run", "--rm", "--cgroupns", mode, "busybox", "cat", "/proc/self/cgroup").text
        return {line.split(":")[2] for line in out.splitlines() if not line.startswith("0::") or UNIFIED}

    assert groups("private") == {"/"}
    assert all(wharfd.cgroup in group for group in groups("host"))


def test_who_was_killed_for_want_of_memory_is_known(wharfd: Wharfd) -> None:
    """Also where systemd removes the group with its numbers as soon as the last process has ended."""
    options = ("--memory", "16m", "--memory-swap", "16m")
    wharfd.docker("run", "-d", "--name", "box", *options, *SLEEP)
    for number in range(3):
        eater = ("dd", "if=/dev/zero", "of=/dev/null", "bs=40M", "count=1")
        ran = wharfd.docker("run", "--name", f"eater{number}", *options, "busybox", *eater, check=False)
        assert (ran.code, wharfd.state(f"eater{number}")["OOMKilled"]) == (137, True)
    wharfd.docker("kill", "box")
    wharfd.docker("wait", "box")
    assert wharfd.state("box")["OOMKilled"] is False


# ── update ──

UPDATED = (
    *MEMORY,
    (("--cpus", "0.5"), ("cpu/cpu.cfs_quota_us", "cpu/cpu.max"), ("50000", "50000 100000")),
    (("--cpu-shares", "256"), ("cpu/cpu.shares", "cpu/cpu.weight"), ("256", "10")),
    (("--cpuset-cpus", "0"), ("cpuset/cpuset.cpus", "cpuset/cpuset.cpus"), ("0", "0")),
    (("--pids-limit", "55"), ("pids/pids.max", "pids/pids.max"), ("55", "55")),
)


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
def test_update(wharfd: Wharfd, state: str) -> None:
    wharfd.docker("create", "--name", "box", "--memory", "16m", *SLEEP)
    if state != "stopped":
        wharfd.docker("start", "box")
    if state == "paused":
        wharfd.docker("pause", "box")
    options = [word for option, _, _ in UPDATED for word in option]
    ran = wharfd.docker("update", "--restart", "on-failure:4", *options, "box")
    assert (ran.text, ran.error) == ("box", "")
    if state == "paused":
        wharfd.docker("unpause", "box")
    if state == "stopped":
        wharfd.docker("start", "box")
    files, texts = [here(*files) for _, files, _ in UPDATED], [here(*texts) for _, _, texts in UPDATED]
    assert read_inside(wharfd, "box", *files) == texts
    found = host_config(wharfd, "box")
    assert found["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 4}
    assert (found["Memory"], found["MemorySwap"], found["NanoCpus"]) == (64 * MB, 96 * MB, 500_000_000)
    # Another run has them too.
    wharfd.docker("restart", "-t", "0", "box")
    assert read_inside(wharfd, "box", *files) == texts
    wharfd.docker("update", "--pids-limit", "-1", "--memory-swap", "-1", "box")
    assert read_inside(wharfd, "box", "pids/pids.max") == ["max"]
    assert (host_config(wharfd, "box")["PidsLimit"], host_config(wharfd, "box")["MemorySwap"]) == (0, -1)


@pytest.mark.skipif(not SYSTEMD, reason="not in a machine with systemd")
@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_systemd_knows_what_was_updated(wharfd: Wharfd, runtime: str) -> None:
    """Its own limits hold for the groups below, too, and it writes them again whenever it is told to reload."""
    limits = ("--memory", "64m", "--memory-swap", "64m", "--pids-limit", "50", "--cpus", "0.5", "--cpuset-cpus", "0")
    id = wharfd.docker("run", "-d", "--runtime", runtime, "--name", "box", *limits, *SLEEP).text
    scope = f"wharf-{id}.scope"
    # As newer OCI runtimes do at the start, whatever this one did.
    subprocess.run(["systemctl", "set-property", "--runtime", scope, "MemoryMax=64M", "TasksMax=50"], check=True)
    more = ("--memory", "128m", "--memory-swap", "128m", "--pids-limit", "90", "--cpus", "1.5", "--cpuset-cpus", "0-1")
    wharfd.docker("update", *more, "box")
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    path = Path(f"/proc/{wharfd.state('box')['Pid']}/cgroup").read_text().strip().removeprefix("0::/")
    groups = [CGROUPS / path, *(parent for parent in (CGROUPS / path).parents if scope in str(parent))]

    def lowest(name: str) -> int:
        texts = [(group / name).read_text().split()[0] for group in groups]
        return min(int(text) for text in texts if text != "max")

    assert (lowest("memory.max"), lowest("pids.max"), lowest("cpu.max")) == (128 * MB, 90, 150_000)
    assert {(group / "cpuset.cpus.effective").read_text().strip() for group in groups} == {"0-1"}


def test_a_new_daemon_knows_what_was_updated(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    engine.docker("run", "-d", "--name", "box", *SLEEP)
    engine.docker("update", "--cpus", "0.5", "box")
    engine.kill9()
    engine.start()
    assert host_config(engine, "box")["NanoCpus"] == 500_000_000
    engine.docker("update", "--cpus", "0.25", "box")
    found = read_inside(engine, "box", here("cpu/cpu.cfs_quota_us", "cpu/cpu.max"))
    assert found[0].split()[0] == "25000"


def test_an_update_that_the_kernel_refuses_changes_nothing(wharfd: Wharfd) -> None:
    """Less memory than the container holds and cannot give back: the kernel says no, and all is as before."""
    if UNIFIED:
        pytest.skip("version 2 kills what is too large instead")
    fill = "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; echo ready; sleep 1000"
    options = ("--memory", "64m", "--memory-swap", "64m", "--pids-limit", "9")
    wharfd.docker("run", "-d", "--name", "box", *options, "busybox", "sh", "-c", fill)
    wait_until(lambda: "ready" in wharfd.docker("logs", "box").text, "it holds 20 MB")
    options = ("--memory", "8m", "--memory-swap", "8m", "--pids-limit", "5")
    ran = wharfd.docker("update", *options, "box", check=False)
    assert ran.code == 1 and "memory.limit_in_bytes: Device or resource busy" in ran.error
    files = ("memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes", "pids/pids.max")
    assert read_inside(wharfd, "box", *files) == [str(64 * MB), str(64 * MB), "9"]
    assert host_config(wharfd, "box")["Memory"] == 64 * MB


@pytest.mark.skipif(not (CGROUPS / "cpu/cpu.rt_runtime_us").exists(), reason="no real-time groups in this kernel")
def test_real_time(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd("--cpu-rt-runtime", "5000")
    options = ("--cpu-rt-runtime", "1000", "--cpu-rt-period", "500000")
    engine.docker("run", "-d", "--name", "box", *options, *SLEEP)
    assert read_inside(engine, "box", "cpu/cpu.rt_runtime_us", "cpu/cpu.rt_period_us") == ["1000", "500000"]
    engine.docker("update", "--cpu-rt-runtime", "2000", "box")
    assert read_inside(engine, "box", "cpu/cpu.rt_runtime_us") == ["2000"]


def test_info_agrees_with_the_machine(wharfd: Wharfd) -> None:
    info = wharfd.request("GET", f"{API}/info").json
    assert info["CgroupVersion"] == here("1", "2")
    wharfd.docker("run", "-d", "--name", "box", *SLEEP)
    files = {
        "MemoryLimit": ("memory/memory.limit_in_bytes", "memory/memory.max"),
        "SwapLimit": ("memory/memory.memsw.limit_in_bytes", "memory/memory.swap.max"),
        "CpuCfsQuota": ("cpu/cpu.cfs_quota_us", "cpu/cpu.max"),
        "CpuCfsPeriod": ("cpu/cpu.cfs_period_us", "cpu/cpu.max"),
        "CPUShares": ("cpu/cpu.shares", "cpu/cpu.weight"),
        "CPUSet": ("cpuset/cpuset.cpus", "cpuset/cpuset.cpus"),
        "PidsLimit": ("pids/pids.max", "pids/pids.max"),
        "OomKillDisable": ("memory/memory.oom_control", "memory/memory.oom_control"),
    }
    listed = wharfd.docker("exec", "box", "find", "/sys/fs/cgroup", "-maxdepth", "2", "-type", "f").text.split()
    assert {name: info[name] for name in files} == {name: inside(here(*both)) in listed for name, both in files.items()}
    if UNIFIED:
        weighs = {inside("io/io.weight"), inside("io/io.bfq.weight")} & set(listed)
        assert ("WARNING: No io.weight support" in (info["Warnings"] or [])) == (not weighs)


# ── nonsense ──

REFUSED: tuple[tuple[dict[str, object], str], ...] = (
    ({"Memory": 5 * MB}, "Minimum memory limit allowed is 6MB"),
    ({"MemorySwap": 20 * MB}, "You should always set the Memory limit when using Memoryswap limit, see usage"),
    (
        {"Memory": 10 * MB, "MemorySwap": 9 * MB},
        "Minimum memoryswap limit should be larger than memory limit, see usage",
    ),
    (
        {"Memory": 10 * MB, "MemoryReservation": 20 * MB},
        "Minimum memory limit can not be less than memory reservation limit, see usage",
    ),
    ({"MemoryReservation": 5 * MB}, "Minimum memory reservation allowed is 6MB"),
    ({"NanoCpus": 10**9, "CpuQuota": 5000}, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
    ({"NanoCpus": 10**9, "CpuPeriod": 5000}, "Conflicting options: Nano CPUs and CPU Period cannot both be set"),
    ({"CpuQuota": 999}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    (
        {"CpuPeriod": 999},
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ),
    ({"CpusetCpus": "0-"}, "Invalid value 0- for cpuset cpus: invalid format: 0-"),
    ({"CpusetCpus": "0-9999"}, "Invalid value 0-9999 for cpuset cpus: value of out range, maximum is 8192"),
    ({"CpusetMems": "x"}, "Invalid value x for cpuset mems: invalid format: x"),
    ({"OomScoreAdj": 1001}, "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
    ({"ShmSize": -1}, "SHM size can not be less than 0"),
    ({"CgroupnsMode": "x"}, "invalid cgroup namespace mode: x"),
)
#: dockerd refuses these at the start only, when the container is there already, or (those after) in other words.
REFUSED_BY_US: tuple[tuple[dict[str, object], str], ...] = (
    ({"Sysctls": {"kernel.panic": "1"}}, 'sysctl "kernel.panic" is not in a separate kernel namespace'),
    (
        {"Sysctls": {"net.ipv4.ip_forward": "0"}, "NetworkMode": "host"},
        'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
    ),
    (
        {"Sysctls": {"kernel.shmmax": "1"}, "IpcMode": "host"},
        'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
    ),
    ({"Ulimits": [{"Name": "bogus", "Soft": 1, "Hard": 1}]}, "invalid ulimit type: bogus"),
    (
        {"Ulimits": [{"Name": "nofile", "Soft": 9, "Hard": 5}]},
        "ulimit soft limit must be less than or equal to hard limit: 9 > 5",
    ),
    ({"BlkioDeviceReadBps": [{"Path": "/none", "Rate": 5}]}, "stat /none: no such file or directory"),
    ({"BlkioDeviceWriteIOps": [{"Path": "/dev/null", "Rate": 5}]}, "/dev/null is not a block device"),
    (
        {"CgroupParent": "/../x"},
        'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'
        if SYSTEMD
        else "invalid cgroup parent: /../x",
    ),
    ({"CpuShares": -1}, "invalid CPU shares (-1): value must be a positive integer"),
    ({"IOMaximumIOps": 5}, "invalid option: QoS maximum IOPs configuration is not supported on linux"),
    (
        {"Memory": "5"},
        "invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.HostConfig.Memory"
        " of type int64",
    ),
    (
        {"BlkioWeight": -1},
        "invalid JSON: json: cannot unmarshal number -1 into Go struct field CreateRequest.HostConfig.BlkioWeight"
        " of type uint16",
    ),
)


def test_nonsense_is_refused_and_nothing_is_made(wharfd: Wharfd) -> None:
    for limits, message in (*REFUSED, *REFUSED_BY_US):
        answer = wharfd.request("POST", f"{API}/containers/create", {"Image": "busybox", "HostConfig": limits})
        assert (answer.status, answer.message) == (400, message), limits
    assert wharfd.docker("ps", "-aq").text == ""


@sees_swap
@pytest.mark.peer
def test_dockerd_refuses_it_in_the_same_words(dockerd: Engine) -> None:
    for limits, message in REFUSED:
        answer = dockerd.request("POST", f"{API}/containers/create", {"Image": "busybox", "HostConfig": limits})
        assert (answer.status, answer.message) == (400, message), limits


UPDATES: tuple[tuple[dict[str, object], dict[str, object], int, str], ...] = (
    ({}, {"Memory": 5 * MB}, 400, "Minimum memory limit allowed is 6MB"),
    (
        {"Memory": 10 * MB},
        {"Memory": 30 * MB},
        409,
        "Cannot update container {id}: Memory limit should be smaller than already set memoryswap limit, "
        "update the memoryswap at the same time",
    ),
    (
        {"NanoCpus": 10**9},
        {"CpuQuota": 10000},
        409,
        "Cannot update container {id}: Conflicting options: "
        "CPU Quota cannot be updated as NanoCPUs has already been set",
    ),
    (
        {"CpuPeriod": 10000},
        {"NanoCpus": 10**9},
        409,
        "Cannot update container {id}: Conflicting options: "
        "Nano CPUs cannot be updated as CPU Period has already been set",
    ),
    ({}, {"CpuQuota": 500}, 400, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    ({}, {"CpusetMems": "9"}, 400, "Requested memory nodes are not available - requested 9, available: 0"),
    (
        {"AutoRemove": True},
        {"RestartPolicy": {"Name": "always"}},
        409,
        "Cannot update container {id}: Restart policy cannot be updated because AutoRemove is enabled "
        "for the container",
    ),
)


def refused_updates(engine: Engine) -> None:
    for host, wanted, status, message in UPDATES:
        body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": host}
        id = engine.request("POST", f"{API}/containers/create", body).json["Id"]
        answer = engine.request("POST", f"{API}/containers/{id}/update", wanted)
        assert (answer.status, answer.message) == (status, message.format(id=id)), wanted
        assert json.loads(engine.docker("inspect", id).out)[0]["HostConfig"]["Memory"] == host.get("Memory", 0)


def test_updates_that_cannot_be(wharfd: Wharfd) -> None:
    refused_updates(wharfd)


@sees_swap
@pytest.mark.peer
def test_updates_that_cannot_be_on_dockerd(dockerd: Engine) -> None:
    refused_updates(dockerd)
