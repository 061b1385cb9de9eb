"""Health checks, as the docker CLI shows them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.engine import API, wait_until
from harness.wharfd import Wharfd

FAST = ("--health-interval", "100ms", "--health-timeout", "30s", "--health-retries", "2")


def box(wharfd: Wharfd, check: str, *options: str) -> str:
    return wharfd.docker(
        "run", "-d", "--name", "box", "--health-cmd", check, *FAST, *options, "busybox", "sleep", "600"
    ).text


def health(wharfd: Wharfd) -> Any:
    return wharfd.state("box")["Health"]


def becomes(wharfd: Wharfd, status: str) -> None:
    wait_until(lambda: health(wharfd)["Status"] == status, f"{status}: {health(wharfd)}")


@contextmanager
def changes(wharfd: Wharfd, path: Path) -> Iterator[Callable[[], list[str]]]:
    """The events of health from now on, as they come: each check has others, which soon fill the engine's history."""
    since = f"{time.time():.6f}"
    only = ("--filter", "event=health_status", "--format", "{{.Actor.ID}} {{.Action}}")
    with path.open("wb") as file, wharfd.docker_process("events", "--since", since, *only, stdout=file) as process:
        try:
            yield lambda: path.read_text().splitlines()
        finally:
            process.terminate()


def test_from_starting_to_healthy_and_back(wharfd: Wharfd, tmp_path: Path) -> None:
    with changes(wharfd, tmp_path / "events") as told:
        id = from_starting_to_healthy_and_back(wharfd)
        expected = [f"{id} health_status: {status}" for status in ("healthy", "unhealthy")]
        wait_until(lambda: told()[-1:] == expected[-1:], "it is told")
        assert told() == expected


def from_starting_to_healthy_and_back(wharfd: Wharfd) -> str:
    id = box(
        wharfd, "echo looked; test -f /tmp/well", "--health-start-period", "60s", "--health-start-interval", "100ms"
    )
    assert health(wharfd)["Status"] == "starting"
    wait_until(lambda: len(health(wharfd)["Log"]) == 5, "checks that do not count")
    assert health(wharfd)["Status"] == "starting" and health(wharfd)["FailingStreak"] == 0
    assert "(health: starting)" in wharfd.docker("ps").text
    wharfd.docker("exec", "box", "touch", "/tmp/well")
    becomes(wharfd, "healthy")
    latest = health(wharfd)["Log"][-1]
    assert (latest["ExitCode"], latest["Output"]) == (0, "looked\n")
    assert latest["Start"] < latest["End"]
    assert "(healthy)" in wharfd.docker("ps").text
    assert wharfd.docker("ps", "-q", "--no-trunc", "--filter", "health=healthy").text == id
    assert wharfd.docker("ps", "-q", "--filter", "health=none").text == ""
    wharfd.docker("exec", "box", "rm", "/tmp/well")
    becomes(wharfd, "unhealthy")
    assert "(unhealthy)" in wharfd.docker("ps").text
    return id


def test_a_check_that_hangs_is_killed(wharfd: Wharfd) -> None:
    box(wharfd, "echo begun; sleep 300", "--health-timeout", "1s")
    becomes(wharfd, "unhealthy")
    # On a busy machine one may have been killed before it had begun.
    told = (-1, "Health check exceeded timeout (1s): begun\n")
    wait_until(lambda: told in [(one["ExitCode"], one["Output"]) for one in health(wharfd)["Log"]], "the log tells")
    assert wharfd.docker("top", "box").text.count("sleep 300") <= 2


def test_a_check_that_cannot_run(wharfd: Wharfd) -> None:
    body = {"Image": "busybox", "Cmd": ["sleep", "600"], "Healthcheck": {"Test": ["CMD", "nosuch"], "Interval": 10**8}}
    wharfd.request("POST", f"{API}/containers/create?name=box", body)
    wharfd.docker("start", "box")
    becomes(wharfd, "unhealthy")
    latest = health(wharfd)["Log"][-1]
    assert latest["ExitCode"] == -1 and "executable file not found" in latest["Output"]


def test_without_a_check_there_is_no_health(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "busybox", "sleep", "600")
    assert "Health" not in wharfd.state("box")
    assert wharfd.docker("ps", "--filter", "health=none", "--format", "{{.Names}}").text == "box"
    wrong = {"Image": "busybox", "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5}}
    refused = wharfd.request("POST", f"{API}/containers/create", wrong)
    assert (refused.status, refused.message) == (400, "Interval in Healthcheck cannot be less than 1ms")


def test_the_end_and_a_new_start(wharfd: Wharfd) -> None:
    box(wharfd, "true")
    becomes(wharfd, "healthy")
    wharfd.docker("stop", "-t", "0", "box")
    assert health(wharfd)["Status"] == "unhealthy"
    wharfd.docker("start", "box")
    becomes(wharfd, "healthy")
    wharfd.docker("restart", "-t", "0", "box")
    becomes(wharfd, "healthy")
    wharfd.docker("pause", "box")
    time.sleep(0.4)
    wharfd.docker("unpause", "box")
    assert health(wharfd)["Status"] == "healthy"


def what_happens_when_it_fails(wharfd: Wharfd, action: str, *options: str) -> None:
    """A container that is well until it is told otherwise, and then has become unhealthy."""
    check = ("--health-cmd", "test ! -f /dev/shm/ill", *FAST)  # a place that is empty again after a restart
    command = ("sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.02; done")
    wharfd.wharf("run", "-d", "--name", "box", "--health-on-failure", action, *check, *options, "busybox", *command)
    becomes(wharfd, "healthy")
    wharfd.docker("exec", "box", "touch", "/dev/shm/ill")


def count(wharfd: Wharfd, event: str) -> int:
    answer = wharfd.request("GET", f"{API}/events?since=1&until={time.time():.6f}")
    events = [json.loads(line) for line in answer.body.splitlines()]
    return sum(one["Action"] == event and one.get("id") == wharfd.inspect("box")["Id"] for one in events)


def test_on_failure_kill_leaves_the_rest_to_the_restart_policy(wharfd: Wharfd) -> None:
    what_happens_when_it_fails(wharfd, "kill")
    wait_until(lambda: wharfd.state("box")["Status"] == "exited", "it is killed")
    assert wharfd.state("box")["ExitCode"] == 137
    wharfd.docker("rm", "box")
    what_happens_when_it_fails(wharfd, "kill", "--restart", "always")
    wait_until(lambda: wharfd.inspect("box")["RestartCount"] == 1, "it is started again")
    becomes(wharfd, "healthy")


def test_on_failure_restart(wharfd: Wharfd) -> None:
    what_happens_when_it_fails(wharfd, "restart")
    created = wharfd.inspect("box")["Created"]
    wait_until(lambda: wharfd.state("box")["FinishedAt"] > created, "it is ended")
    becomes(wharfd, "healthy")
    box = wharfd.inspect("box")
    assert (box["RestartCount"], box["HostConfig"]["HealthOnFailure"]) == (0, "restart")


def test_on_failure_stop_is_for_good(wharfd: Wharfd) -> None:
    what_happens_when_it_fails(wharfd, "stop", "--restart", "always")
    wait_until(lambda: wharfd.state("box")["Status"] == "exited", "it is stopped")
    assert wharfd.state("box")["ExitCode"] == 5
    time.sleep(0.3)
    assert wharfd.state("box")["Status"] == "exited"


def test_a_check_that_the_containers_own_end_cuts_off_says_nothing(wharfd: Wharfd, tmp_path: Path) -> None:
    check = ("--health-cmd", "touch /go/checks; sleep 300", "--health-interval", "100ms", "--health-retries", "1")
    command = ("sh", "-c", "until test -e /go/now; do sleep 0.02; done; exit 4")
    mount = ("-v", f"{tmp_path}:/go")
    wharfd.wharf("run", "-d", "--name", "box", "--health-on-failure", "restart", *check, *mount, "busybox", *command)
    wait_until((tmp_path / "checks").exists, "a check is under way")
    (tmp_path / "now").touch()
    assert wharfd.docker("wait", "box").text == "4"
    wait_until(lambda: health(wharfd)["Status"] == "unhealthy", "nothing is checked any more")
    assert (wharfd.state("box")["Status"], health(wharfd)["Log"]) == ("exited", [])
    assert [count(wharfd, event) for event in ("start", "restart", "health_status: unhealthy")] == [1, 0, 0]


def test_on_failure_by_annotation_and_without_sense(wharfd: Wharfd) -> None:
    action = ("--annotation", "wharf.health-on-failure=kill")
    refused = wharfd.docker("create", *action, "busybox", check=False)
    assert "health-on-failure=kill needs a health check, and the container has none" in refused.error
    wharfd.docker("run", "-d", "--name", "box", *action, "--health-cmd", "false", *FAST, "busybox", "sleep", "600")
    wait_until(lambda: wharfd.state("box")["ExitCode"] == 137, "it is killed")
    assert "wharf.health" not in wharfd.docker("inspect", "box").text


def test_a_new_daemon_goes_on_with_it(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--live-restore")
    box(wharfd, "true")
    becomes(wharfd, "healthy")
    wharfd.kill9()
    wharfd.start()
    becomes(wharfd, "healthy")
