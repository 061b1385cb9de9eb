"""Paths of control groups, and the three kinds of hierarchies as they look in the file system."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wharf.linux import cgroups
from wharf.linux.host import cgroup_driver


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/wharf/c1", "/wharf/c1"),
        ("system.slice:wharf:c1", "/system.slice/wharf-c1.scope"),
        ("a-b-c.slice:wharf:c1", "/a.slice/a-b.slice/a-b-c.slice/wharf-c1.scope"),
        ("-.slice:wharf:c1", "/wharf-c1.scope"),
        ("", ""),
        ("system:wharf:c1", ""),
        ("../x.slice:wharf:c1", ""),
        ("system.slice:c1", ""),
    ],
)
def test_what_a_cgroups_path_means(given: str, path: str) -> None:
    assert cgroups.path_of(given) == path


@pytest.mark.parametrize("name", ["system.slice", "a-b.slice", "-.slice"])
def test_slices(name: str) -> None:
    assert cgroups.is_slice(name)


@pytest.mark.parametrize(
    "name", ["", ".slice", "/a.slice", "a", "a--b.slice", "-a.slice", "a-.slice", "a:b.slice", "a/b.slice"]
)
def test_what_is_no_slice(name: str) -> None:
    assert not cgroups.is_slice(name)


@given(st.text())
def test_whatever_is_asked_for_a_path_is_below_the_root_or_nothing(text: str) -> None:
    path = cgroups.path_of(text)
    assert path in ("", text) or cgroups.is_own(path)


def v2(root: Path) -> str:
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    return str(root)


def hybrid(root: Path) -> str:
    for name in ("unified", "memory", "pids", "freezer"):
        (root / name).mkdir()
    (root / "unified/cgroup.procs").write_text("")
    return str(root)


def test_versions(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("a", "b", "c"))
    for directory in (first, second, third):
        directory.mkdir()
    assert cgroups.version(str(first)) == cgroups.V1
    assert cgroups.version(hybrid(second)) == cgroups.HYBRID
    assert cgroups.version(v2(third)) == cgroups.V2


def test_processes_of_a_group_and_below_it(tmp_path: Path) -> None:
    root = v2(tmp_path)
    below = tmp_path / "system.slice/wharf-c1.scope/container"
    below.mkdir(parents=True)
    (below / "cgroup.procs").write_text("12\n7\n")
    (below.parent / "cgroup.procs").write_text("")
    assert cgroups.processes("/system.slice/wharf-c1.scope", root) == [7, 12]
    assert cgroups.processes("/", root) == cgroups.processes("", root) == []


@pytest.mark.parametrize(
    ("text", "killed"), [("oom 1\noom_kill 0\n", False), ("oom 2\noom_kill 2\n", True), ("", False)]
)
def test_out_of_memory(tmp_path: Path, text: str, killed: bool) -> None:
    root = v2(tmp_path)
    (tmp_path / "c1").mkdir()
    (tmp_path / "c1/memory.events").write_text(text)
    assert cgroups.was_out_of_memory("/c1", root) == killed


def test_out_of_memory_in_version_1(tmp_path: Path) -> None:
    root = hybrid(tmp_path)
    (tmp_path / "memory/c1").mkdir()
    (tmp_path / "memory/c1/memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert cgroups.was_out_of_memory("/c1", root)


def test_nothing_is_frozen_where_no_group_is_known(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cgroups.freeze("", True, v2(tmp_path))


def test_the_group_of_a_process() -> None:
    path = cgroups.path_of_process(os.getpid())
    assert path == "" or os.getpid() in cgroups.processes(path)
    assert cgroups.path_of_process(2**22 + 1) == ""


def test_who_makes_groups(tmp_path: Path) -> None:
    old, new, bus = tmp_path / "old", tmp_path / "new", tmp_path / "bus"
    for directory in (old, new, bus):
        directory.mkdir()
    runs, absent = [str(bus)], [str(bus), str(tmp_path / "none")]
    root = v2(new)
    assert cgroup_driver("", root=root, systemd=runs) == "systemd"
    assert cgroup_driver("", root=root, systemd=absent) == "cgroupfs"
    assert cgroup_driver("", root=hybrid(old), systemd=runs) == "cgroupfs"
    assert cgroup_driver("", "/mine", root=root, systemd=runs) == "cgroupfs"
    assert cgroup_driver("", "mine.slice", root=root, systemd=runs) == "systemd"
    assert cgroup_driver("cgroupfs", root=root, systemd=runs) == "cgroupfs"
    assert cgroup_driver("systemd", root=root, systemd=absent) == "systemd"
