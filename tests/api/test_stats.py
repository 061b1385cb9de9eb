"""What stats and top tell, and how: on all versions of control groups."""

import json
from typing import Any

import pytest

from harness.engine import API, wait_until
from harness.groups import UNIFIED, here
from harness.wharfd import Wharfd

MB = 1 << 20
BUSY = "dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; echo ready; while :; do :; done"


@pytest.fixture
def busy(wharfd: Wharfd) -> str:
    options = ("--cpus", "0.2", "--memory", "64m", "--pids-limit", "40")
    wharfd.docker("run", "-d", "--name", "busy", *options, "busybox", "sh", "-c", BUSY)
    wait_until(lambda: wharfd.docker("logs", "busy").text == "ready", "its memory is filled")
    return "busy"


def one(wharfd: Wharfd, query: str = "stream=0") -> Any:
    answer = wharfd.request("GET", f"{API}/containers/busy/stats?{query}")
    assert answer.status == 200
    return answer.json


def throttled(sample: Any) -> bool:
    return bool(sample["cpu_stats"]["throttling_data"]["throttled_periods"])


def test_a_sample_is_compared_with_the_one_before(wharfd: Wharfd, busy: str) -> None:
    # Where others work too it takes some time until it has had more of the processor than it may.
    wait_until(lambda: throttled(one(wharfd, "stream=0&one-shot=1")), "it is held back")
    sample = one(wharfd)
    assert (sample["name"], sample["preread"] > "2000") == ("/busy", True)
    now, before = sample["cpu_stats"], sample["precpu_stats"]
    assert 0 < now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"] < 900_000_000
    assert now["system_cpu_usage"] > before["system_cpu_usage"] > 0
    assert throttled(sample)
    assert now["online_cpus"] > 0
    # Each version of control groups has its own numbers, which clients know.
    assert ("percpu_usage" in now["cpu_usage"]) is not UNIFIED
    memory = sample["memory_stats"]
    assert memory["limit"] == 64 * MB and 20 * MB < memory["usage"] < 64 * MB
    assert ("max_usage" in memory) is not UNIFIED
    assert memory["stats"][here("total_inactive_file", "inactive_file")] >= 0
    assert sample["pids_stats"] == {"current": 1, "limit": 40}
    assert sample["networks"]["eth0"].keys() >= {"rx_bytes", "tx_bytes", "rx_dropped"}
    assert sample["blkio_stats"]["io_queue_recursive"] == here([], None)  # type: ignore[arg-type]


def test_one_shot_has_nothing_to_compare_with(wharfd: Wharfd, busy: str) -> None:
    sample = one(wharfd, "stream=0&one-shot=1")
    assert sample["preread"] == "0001-01-01T00:00:00Z"
    assert sample["precpu_stats"]["cpu_usage"]["total_usage"] == 0 < sample["cpu_stats"]["cpu_usage"]["total_usage"]
    answer = wharfd.request("GET", f"{API}/containers/busy/stats?one-shot=1")
    assert (answer.status, answer.message) == (400, "cannot have stream=true and one-shot=true")


def test_a_stream_goes_on_over_stops_and_ends_with_the_container(wharfd: Wharfd, busy: str) -> None:
    with wharfd.connect() as connection:
        connection.sendall(f"GET {API}/containers/busy/stats HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        lines = connection.makefile("rb")

        def sample() -> Any:
            while not (line := lines.readline()).startswith(b"{"):
                assert line, "the stream has ended"
            return json.loads(line)

        first, second = sample(), sample()
        assert second["preread"] == first["read"] != second["read"]
        wharfd.docker("kill", "busy")
        while (stopped := sample())["pids_stats"]:
            pass
        assert (stopped["memory_stats"], stopped["read"]) == ({}, "0001-01-01T00:00:00Z")
        wharfd.docker("start", "busy")
        while not (again := sample())["pids_stats"]:
            pass
        assert again["precpu_stats"]["cpu_usage"]["total_usage"] == 0
        wharfd.docker("rm", "-f", "busy")
        while lines.readline() != b"0\r\n":
            pass


def test_networks_are_told_where_they_are_the_containers_own(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "busy", "--network", "host", "busybox", "sleep", "1000")
    assert "networks" not in one(wharfd, "stream=0&one-shot=1")
    assert wharfd.request("GET", f"{API}/containers/none/stats?stream=0").status == 404


def test_all_at_once(wharfd: Wharfd, busy: str) -> None:
    wharfd.docker("run", "-d", "--name", "idle", "--memory", "32m", "busybox", "sleep", "1000")
    wharfd.docker("create", "--name", "made", "busybox")
    for run in (wharfd.docker, wharfd.wharf):
        lines = run("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}").text.splitlines()
        assert {(line.split()[0], line.split()[3], line.split()[4]) for line in lines} == {
            ("busy", "64MiB", "1"),
            ("idle", "32MiB", "1"),
        }
        every = run("stats", "--no-stream", "--all", "--format", "{{.Name}}").text.split()
        assert sorted(every) == ["busy", "idle", "made"]


def test_top(wharfd: Wharfd) -> None:
    wharfd.docker("run", "-d", "--name", "box", "busybox", "sh", "-c", "sleep 1111 & exec sleep 2222")
    wait_until(lambda: "sleep 2222" in wharfd.docker("top", "box").text, "it has become what it is to be")
    for run in (wharfd.docker, wharfd.wharf):
        assert "sleep 2222" in run("top", "box").text
        assert run("top", "box", "-o", "pid,args").text.splitlines()[0].split() == ["PID", "COMMAND"]
    path = f"{API}/containers/box/top?ps_args="
    found = wharfd.request("GET", f"{path}-eo%20comm,pid,args").json
    assert found["Titles"] == ["COMMAND", "PID", "COMMAND"]
    assert sorted(row[2] for row in found["Processes"]) == ["sleep 1111", "sleep 2222"]
    refused = {
        "-o%20comm": "Couldn't find PID field in ps output",
        "-o%20ppid=PID": 'specifying "ppid=PID" is not allowed',
        "--bogus": "ps: error: unknown gnu long option",
        "-ef;id": "ps: error: unsupported SysV option",
    }
    answers = {name: wharfd.request("GET", path + name) for name in refused}
    assert {name: (a.status, a.message) for name, a in answers.items()} == {n: (500, m) for n, m in refused.items()}
    wharfd.docker("pause", "box")
    assert "sleep 2222" in wharfd.docker("top", "box").text
    wharfd.docker("rm", "-f", "box")
    id = wharfd.docker("create", "--name", "box", "busybox").text
    answer = wharfd.request("GET", path)
    assert (answer.status, answer.message) == (409, f"container {id} is not running")
