"""AppArmor: which profile holds a container, and what the usual one forbids. For dockerd, too."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine import Engine, missing
from harness.wharfd import Wharfd

POLICY = Path("/sys/kernel/security/apparmor")
pytestmark = [
    pytest.mark.skipif(not POLICY.exists(), reason="this kernel has no AppArmor"),
    pytest.mark.skipif(bool(missing(["apparmor_parser"])), reason="not installed: apparmor_parser"),
]
USUAL = "docker-default (enforce)"
OWN = """
#include <tunables/global>
profile wharf-test-no-tmp flags=(attach_disconnected) {
  capability,
  file,
  network,
  signal,
  deny /tmp/** w,
}
"""
#: The writes change nothing where they are allowed. They are those that no other protection forbids here.
ATTEMPTS = """
cat /proc/self/attr/current
mount -t tmpfs none /home 2>/dev/null && echo mounts
cat /proc/sys/kernel/panic 2>/dev/null >/tmp/value; (cat /tmp/value >/proc/sys/kernel/panic) 2>/dev/null && echo sets
cat /proc/sys/kernel/shmmni >/tmp/value; (cat /tmp/value >/proc/sys/kernel/shmmni) 2>/dev/null && echo shm
sleep 60 & kill $! && echo signals
"""
OPEN = ("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--security-opt", "systempaths=unconfined")


@pytest.fixture(params=["wharfd", pytest.param("dockerd", marks=pytest.mark.peer)])
def either(request: pytest.FixtureRequest) -> Iterator[Engine]:
    yield request.getfixturevalue(request.param)


def held_by(engine: Engine, *options: str) -> tuple[str, str]:
    """What the kernel says inside a container, and what inspect says."""
    ran = engine.docker("run", "--name", "box", *options, "busybox", "cat", "/proc/self/attr/current")
    shown = engine.docker("inspect", "-f", "{{.AppArmorProfile}}", "box").text
    engine.docker("rm", "box")
    return ran.text, shown


def test_which_profile_holds_a_container(either: Engine) -> None:
    assert held_by(either) == (USUAL, "docker-default")
    assert held_by(either, "--security-opt", "apparmor=docker-default") == (USUAL, "docker-default")
    assert held_by(either, "--security-opt", "apparmor=unconfined") == ("unconfined", "unconfined")
    assert held_by(either, "--privileged") == ("unconfined", "unconfined")
    # dockerd 20.10 shows `unconfined` in inspect then, which is not so.
    assert held_by(either, "--privileged", "--security-opt", "apparmor=docker-default")[0] == USUAL
    assert "name=apparmor" in either.docker("info", "-f", "{{.SecurityOptions}}").text


def test_what_runs_in_it_later_is_held_too(either: Engine) -> None:
    either.docker(
        "run", "-d", "--name", "box", "busybox", "sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done"
    )
    current = ("box", "cat", "/proc/self/attr/current")
    assert either.docker("exec", *current).text == USUAL
    assert either.docker("exec", "--privileged", *current).text == USUAL
    either.docker("stop", "-t", "30", "box")
    assert either.state("box")["ExitCode"] == 7, "it got our signal"


def test_a_profile_that_the_kernel_does_not_know(either: Engine) -> None:
    ran = either.docker("run", "--name", "box", "--security-opt", "apparmor=odd", "busybox", "true", check=False)
    assert ran.code in (125, 126, 127)
    assert "apparmor failed to apply profile: write /proc/" in ran.error and "no such file or directory" in ran.error
    state = either.state("box")
    assert (state["Status"], state["Running"]) == ("created", False)


def test_a_profile_of_ones_own(either: Engine) -> None:
    subprocess.run(["apparmor_parser", "-Kr"], input=OWN, text=True, check=True)
    try:
        option = ("--security-opt", "apparmor=wharf-test-no-tmp")
        script = "touch /tmp/a 2>&1; touch /root/a && echo written"
        ran = either.docker("run", "--rm", *option, "busybox", "sh", "-c", script)
        assert ran.text.splitlines() == ["touch: /tmp/a: Permission denied", "written"]
    finally:
        subprocess.run(["apparmor_parser", "-R"], input=OWN, text=True, check=True)


def test_what_the_usual_profile_forbids(wharfd: Wharfd) -> None:
    """Ours, not one that somebody else has loaded; and it comes back when somebody has taken it out."""
    for _ in range(2):
        if b"docker-default " in (POLICY / "profiles").read_bytes():
            (POLICY / ".remove").write_bytes(b"docker-default")
        held = wharfd.docker("run", "--rm", *OPEN, "busybox", "sh", "-c", ATTEMPTS).text.splitlines()
        assert held == [USUAL, "shm", "signals"]
    free = ("--security-opt", "apparmor=unconfined", "busybox", "sh", "-c", ATTEMPTS)
    assert wharfd.docker("run", "--rm", *OPEN, *free).text.splitlines() == [
        *("unconfined", "mounts", "sets", "shm", "signals"),
    ]
    assert wharfd.docker("run", "--rm", "--user", "1000", "busybox", "true").code == 0
    assert wharfd.docker("run", "--rm", "--init", "--tmpfs", "/scratch", "busybox", "touch", "/scratch/a").code == 0
