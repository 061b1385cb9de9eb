"""Health checks, as the docker CLI shows them."""

import json
import time
from collections.abc import Callable
from typing import Any

from harness.engine import API, wait_until
from harness.wharfd import Wharfd

FAST = ("--health-interval", "100ms", "--health-timeout", "2s", "--health-retries", "2")


def box(wharfd: Wharfd, check: str, *options: str) -> str:
    return wharfd.docker(
        "run", "-d", "--name", "box", "--health-cmd", check, *FAST, *options, "busybox", "sleep", "600"
    ).text


def health(wharfd: Wharfd) -> Any:
    return wharfd.state("box")["Health"]


def becomes(wharfd: Wharfd, status: str, timeout: float = 10) -> None:
    wait_until(lambda: health(wharfd)["Status"] == status, f"{status}: {health(wharfd)}", timeout)


def test_from_starting_to_healthy_and_back(wharfd: Wharfd) -> None:
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
    answer = wharfd.request("GET", f"{API}/events?since=1&until={time.time():.6f}")
    events = [json.loads(line) for line in answer.body.splitlines()]
    changes = [event["Action"] for event in events if event["Action"].startswith("health_status") and event["id"] == id]
    assert changes == ["health_status: healthy", "health_status: unhealthy"]


def test_a_check_that_hangs_is_killed(wharfd: Wharfd) -> None:
    box(wharfd, "echo begun; sleep 300", "--health-timeout", "300ms")
    becomes(wharfd, "unhealthy")
    latest = health(wharfd)["Log"][-1]
    assert (latest["ExitCode"], latest["Output"]) == (-1, "Health check exceeded timeout (300ms): begun\n")
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


def test_a_new_daemon_goes_on_with_it(new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--live-restore")
    box(wharfd, "true")
    becomes(wharfd, "healthy")
    wharfd.kill9()
    wharfd.start()
    becomes(wharfd, "healthy")
