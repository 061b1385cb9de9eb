"""Devices by path and by rule. The nodes have numbers without a driver: who may open them gets ENXIO, else EPERM."""

import os
import stat
from pathlib import Path

import pytest

from harness.wharfd import Wharfd

NUMBERS = (234, 77)  # "RESERVED" in the kernel's list
TRY = "for how in '<' '>'; do (eval : $how {}) 2>&1 | sed 's/.*: //'; done"
MAY, MAY_NOT = "No such device or address", "Operation not permitted"


@pytest.fixture
def node(wharfd: Wharfd) -> Path:
    """A device of the host in a directory of its own."""
    directory = wharfd.root / "devices"
    directory.mkdir(exist_ok=True)
    path = directory / "first"
    if not path.exists():
        os.mknod(path, stat.S_IFCHR | 0o640, os.makedev(*NUMBERS))
        path.chmod(0o640)
        (directory / "link").symlink_to(path)
    return path


def tried(wharfd: Wharfd, path: str, *options: str) -> list[str]:
    """What reading and writing say."""
    return wharfd.docker("run", "--rm", *options, "busybox", "sh", "-c", TRY.format(path)).text.splitlines()


@pytest.mark.parametrize(
    ("access", "answers"), [("rw", [MAY, MAY]), ("r", [MAY, MAY_NOT]), ("wm", [MAY_NOT, MAY]), ("m", [MAY_NOT] * 2)]
)
def test_access_is_what_was_asked_for(wharfd: Wharfd, node: Path, access: str, answers: list[str]) -> None:
    assert tried(wharfd, "/dev/mine", "--device", f"{node}:/dev/mine:{access}") == answers


def test_a_node_is_as_on_the_host(wharfd: Wharfd, node: Path) -> None:
    os.chown(node, 0, 77)
    ran = wharfd.docker(
        "run", "--rm", "--device", f"{node}:/dev/mine", "busybox", "stat", "-c", "%F %a %u %g %t %T", "/dev/mine"
    )
    assert ran.text == f"character special file 640 0 77 {NUMBERS[0]:x} {NUMBERS[1]:x}"


def test_a_link_and_a_directory(wharfd: Wharfd, node: Path) -> None:
    assert tried(wharfd, "/dev/mine", "--device", f"{node.parent}/link:/dev/mine") == [MAY, MAY]
    options = ("--device", f"{node.parent}:/dev/some")
    assert tried(wharfd, "/dev/some/first", *options) == [MAY, MAY]
    assert wharfd.docker("run", "--rm", *options, "busybox", "ls", "/dev/some").text == "first"


def test_without_a_word_there_is_no_device_and_no_way_to_one(wharfd: Wharfd) -> None:
    script = f"mknod /tmp/x c {NUMBERS[0]} {NUMBERS[1]}; {TRY.format('/tmp/x')}"
    assert wharfd.docker("run", "--rm", "busybox", "sh", "-c", script).text.splitlines() == [MAY_NOT] * 2


@pytest.mark.parametrize("rule", [f"c {NUMBERS[0]}:* rw", f"c {NUMBERS[0]}:{NUMBERS[1]} rwm", "a *:* rwm"])
def test_rules(wharfd: Wharfd, rule: str) -> None:
    script = f"mknod /tmp/x c {NUMBERS[0]} {NUMBERS[1]}; {TRY.format('/tmp/x')}"
    ran = wharfd.docker("run", "--rm", "--device-cgroup-rule", rule, "busybox", "sh", "-c", script)
    assert ran.text.splitlines() == [MAY] * 2


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"Devices": [{"PathOnHost": "rel"}]}, "rel is not an absolute path"),
        ({"Devices": [{"PathOnHost": "/dev/zero", "CgroupPermissions": "odd"}]}, "bad mode specified: odd"),
        ({"DeviceCgroupRules": ["odd"]}, "invalid device cgroup rule format: 'odd'"),
    ],
)
def test_refused_at_the_creation(wharfd: Wharfd, host: dict[str, object], message: str) -> None:
    answer = wharfd.request("POST", "/containers/create", {"Image": "busybox", "HostConfig": host})
    assert (answer.status, answer.message) == (400, message)
    assert wharfd.docker("ps", "-aq").text == ""


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/dev/none", "no such file or directory"), ("/etc/passwd", "not a device node"), ("/etc", "not a device node")],
)
def test_what_is_no_device_fails_the_start(wharfd: Wharfd, path: str, reason: str) -> None:
    ran = wharfd.docker("run", "--rm", "--device", path, "busybox", "true", check=False)
    assert ran.code == (127 if "no such" in reason else 125)
    assert f'error gathering device information while adding custom device "{path}": {reason}' in ran.error
    assert wharfd.docker("ps", "-aq").text == ""
