"""What only this engine has, for its own client and, by annotations, for any other."""

import sys
from pathlib import Path

import pytest

from harness.dockerd import Dockerd
from harness.engine import API
from harness.wharfd import Wharfd

UMASK = ("sh", "-c", "umask; touch /tmp/new; stat -c %a /tmp/new")


def test_umask_holds_for_the_container_and_its_execs(wharfd: Wharfd) -> None:
    wharfd.wharf("run", "-d", "--name", "tight", "--umask", "0027", "busybox", "sleep", "600")
    assert wharfd.docker("exec", "tight", "sh", "-c", "grep Umask /proc/1/status").text.split() == ["Umask:", "0027"]
    assert wharfd.docker("exec", "tight", *UMASK).text.split() == ["0027", "640"]
    assert wharfd.docker("exec", "-u", "alice", "tight", "sh", "-c", "umask").text == "0027"
    assert '"Umask": "0027"' in wharfd.docker("inspect", "tight").text


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_umask_by_annotation_with_dockers_client(wharfd: Wharfd, runtime: str) -> None:
    options = ("--rm", "--runtime", runtime, "--annotation", "wharf.umask=077")
    assert wharfd.docker("run", *options, "busybox", *UMASK).text.split() == ["0077", "600"]


def test_without_it_the_answer_is_dockers(wharfd: Wharfd) -> None:
    assert wharfd.docker("run", "--name", "plain", "busybox", *UMASK).text.split() == ["0022", "644"]
    assert "Umask" not in wharfd.docker("inspect", "plain").text


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ("umask=8", 'invalid umask "8": expected an octal number from 0 to 0777'),
        ("umask=01777", 'invalid umask "01777": expected an octal number from 0 to 0777'),
        ("umask", 'invalid umask "": expected an octal number from 0 to 0777'),
    ],
)
def test_a_wrong_value_makes_nothing(wharfd: Wharfd, annotation: str, message: str) -> None:
    name, _, value = annotation.partition("=")
    body = {"Image": "busybox", "HostConfig": {"Annotations": {f"wharf.{name}": value}}}
    answer = wharfd.request("POST", f"{API}/containers/create", body)
    assert (answer.status, answer.message) == (400, message)
    assert wharfd.docker("ps", "-aq").text == ""


def test_an_unknown_extension_is_told(wharfd: Wharfd) -> None:
    ran = wharfd.docker("create", "--annotation", "wharf.umasc=1", "busybox", check=False)
    assert ran.code == 1
    assert "unknown annotation wharf.umasc: this engine knows wharf." in ran.error


@pytest.mark.peer
def test_our_client_asks_no_other_engine_for_what_it_would_ignore(dockerd: Dockerd) -> None:
    program = str(Path(sys.executable).parent / "wharf")
    for option in (("--umask", "077"), ("--health-on-failure", "kill"), ("--userns", "auto")):
        ran = dockerd.docker("create", *option, "busybox", program=program, check=False)
        assert (ran.code, "the engine is not wharfd, and would ignore " in ran.error) == (1, True)
    assert dockerd.docker("ps", "-aq").text == ""
    dockerd.docker("run", "--rm", "--userns", "host", "busybox", "true", program=program)
