"""Capabilities, process identities and cgroup files, read from texts and from this very process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wharf.linux import capabilities, cgroups, pidfd


def test_capability_bits_have_the_kernels_numbers() -> None:
    assert capabilities.names_in(0) == frozenset()
    assert capabilities.names_in(1 << 21) == {"CAP_SYS_ADMIN"}
    assert capabilities.names_in(1 << 40 | 1) == {"CAP_CHECKPOINT_RESTORE", "CAP_CHOWN"}
    assert capabilities.names_in(1 << 63) == frozenset()


def test_a_status_text_is_read() -> None:
    text = "Name:\tx\nCapInh:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"
    assert len(capabilities.parse_status(text)) == 14
    assert capabilities.parse_status(text, "CapEff") == frozenset()


def test_a_process_is_found_again_only_if_it_is_the_same() -> None:
    process = subprocess.Popen(["/bin/sleep", "60"])
    try:
        started = pidfd.start_time(process.pid)
        assert started > 0
        assert pidfd.open_same(process.pid, started + 1) is None
        fd = pidfd.open_same(process.pid, started)
        assert fd is not None
        assert not pidfd.has_ended(fd) and not pidfd.is_ending(process.pid)
        assert pidfd.send(fd, 9)
        assert pidfd.has_ended(fd, 30)
        assert pidfd.is_ending(process.pid)
    finally:
        process.kill()
        process.wait()
    assert not pidfd.send(fd, 9)
    assert pidfd.start_time(process.pid) == 0 and pidfd.is_ending(process.pid)
    os.close(fd)


#: exit(2) ends one thread, not the process.
FIRST_THREAD_ENDS = """
import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""


def test_a_process_goes_on_when_its_first_thread_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", FIRST_THREAD_ENDS]) as process:
        while ") Z " not in Path(f"/proc/{process.pid}/stat").read_text():
            assert process.poll() is None
        assert not pidfd.is_ending(process.pid)
        process.kill()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    for controller in ("memory", "pids", "freezer"):
        write(tmp_path / controller / "c/1/cgroup.procs", "12\n34\n")
    write(tmp_path / "memory/c/1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    write(tmp_path / "freezer/c/1/freezer.state", "FREEZING\n")
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    write(tmp_path / "cgroup.controllers", "memory pids\n")
    write(tmp_path / "c/1/cgroup.procs", "")
    write(tmp_path / "c/1/below/cgroup.procs", "56\n")
    write(tmp_path / "c/1/memory.events", "low 0\noom 1\noom_kill 0\noom_group_kill 0\n")
    write(tmp_path / "c/1/cgroup.events", "populated 1\nfrozen 1\n")
    return tmp_path


def test_version_1(v1: Path) -> None:
    root = str(v1)
    assert cgroups.version(root) == cgroups.V1
    assert cgroups.processes("/c/1", root) == [12, 34]
    assert cgroups.was_out_of_memory("/c/1", root)
    assert not cgroups.is_frozen("/c/1", root)
    assert len(cgroups.directories("/c/1", root)) == 3
    (v1 / "unified/c/1").mkdir(parents=True)
    assert len(cgroups.directories("/c/1", root)) == 3
    write(v1 / "unified/cgroup.procs", "")
    assert cgroups.version(root) == cgroups.HYBRID
    assert len(cgroups.directories("/c/1", root)) == 4


def test_version_2(v2: Path) -> None:
    root = str(v2)
    assert cgroups.version(root) == cgroups.V2
    assert cgroups.processes("/c/1", root) == [56]
    assert not cgroups.was_out_of_memory("/c/1", root)
    assert cgroups.is_frozen("/c/1", root)
    assert cgroups.directories("/c/1", root) == [f"{root}/c/1"]


def test_a_group_that_is_not_there(v2: Path) -> None:
    root = str(v2)
    assert cgroups.processes("/none", root) == []
    assert not cgroups.was_out_of_memory("/none", root)
    assert cgroups.directories("/none", root) == []
    assert cgroups.remove("/none", root)
    assert cgroups.kill("/none", root)


@pytest.mark.parametrize("path", ["", "/", "/../x", "/a/../.."])
def test_paths_that_would_mean_the_whole_machine(path: str, v2: Path) -> None:
    assert cgroups.directories(path, str(v2)) == []
    assert cgroups.processes(path, str(v2)) == []
