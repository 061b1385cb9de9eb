"""What a daemon that was killed, or a host that went down, leaves to the next one."""

import json
import os
import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.engine import API, wait_until
from harness.wharfd import Wharfd


def change_record(engine: Wharfd, id: str, **changes: Any) -> None:
    """Makes the record one that an earlier daemon might have left. The daemon is down."""
    with sqlite3.connect(engine.root / "data/wharf.db") as db:
        (record,) = db.execute("SELECT record FROM containers WHERE id = ?", (id,)).fetchone()
        changed = json.dumps(json.loads(record) | changes).encode()
        db.execute("UPDATE containers SET record = ? WHERE id = ?", (changed, id))
    db.close()


def inspected(engine: Wharfd, id: str) -> Any:
    return engine.request("GET", f"{API}/containers/{id}/json").json


def test_a_removal_that_was_cut_off_takes_the_anonymous_volumes_too(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    with_volume = engine.docker("create", "-v", "/data", "busybox", "true").text
    keeping = engine.docker("create", "-v", "/data", "busybox", "true").text
    assert len(engine.docker("volume", "ls", "-q").text.split()) == 2
    engine.kill9()
    change_record(engine, with_volume, status="removing", remove_volumes=True)
    change_record(engine, keeping, status="removing")
    engine.start()
    assert engine.docker("ps", "-aq").text == ""
    assert len(engine.docker("volume", "ls", "-q").text.split()) == 1
    engine.docker("volume", "prune", "-f")


def test_a_frozen_container_without_a_record_does_not_keep_the_daemon_from_starting(
    new_wharfd: Callable[..., Wharfd],
) -> None:
    engine = new_wharfd()
    id = engine.docker("run", "-d", "busybox", "sleep", "1000").text
    engine.docker("pause", id)
    engine.kill9()
    with sqlite3.connect(engine.root / "data/wharf.db") as db:
        db.execute("DELETE FROM containers")
    db.close()
    engine.start()
    assert "does not end" not in engine.log.read_text()
    assert not (engine.root / "exec/containers" / id).exists()
    assert not list(engine.cgroups())


def test_a_restart_that_was_due_comes_with_its_count_and_its_exit_code(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    id = engine.docker("run", "-d", "--restart", "on-failure:6", "busybox", "sh", "-c", "exit 3").text

    def waits() -> bool:
        found = inspected(engine, id)
        return bool(found["RestartCount"] >= 4 and found["State"]["Status"] == "restarting")

    wait_until(waits, "it waits for its fifth restart")
    engine.kill9()  # the fifth restart is 1.6 seconds away
    engine.start()
    # The new daemon does not make it wait as long, so it may be through with all six by now.
    assert engine.docker("wait", id).text == "3"
    found = inspected(engine, id)
    assert (found["State"]["Status"], found["State"]["ExitCode"], found["RestartCount"]) == ("exited", 3, 6)


def test_who_stops_the_daemon_stops_no_container_for_good(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd("--live-restore=false")
    id = engine.docker("run", "-d", "--restart", "unless-stopped", "busybox", "sleep", "1000").text
    stopped = engine.docker("run", "-d", "--restart", "unless-stopped", "busybox", "sleep", "1000").text
    engine.docker("kill", stopped)
    engine.stop()
    engine.start()
    wait_until(lambda: engine.state(id)["Status"] == "running", "it runs again")
    assert engine.state(stopped)["Status"] == "exited"


#: Its first process says so when it is told to end, and takes its time.
SLOW_END = "trap 'echo told; sleep 3; exit 0' TERM; echo up; while true; do sleep 0.1; done"


@pytest.mark.parametrize("ended_meanwhile", [True, False])
@pytest.mark.parametrize("policy", ["no", "unless-stopped"])
def test_a_restart_that_was_cut_off_goes_on(
    new_wharfd: Callable[..., Wharfd], policy: str, ended_meanwhile: bool
) -> None:
    engine = new_wharfd()
    id = engine.docker("run", "-d", "--restart", policy, "busybox", "sh", "-c", SLOW_END).text
    started = engine.state(id)["StartedAt"]
    process = engine.state(id)["Pid"]
    wait_until(lambda: "up" in engine.docker("logs", id).text, "it is up")
    restart = engine.docker_process("restart", "-t", "20", id)
    wait_until(lambda: "told" in engine.docker("logs", id).text, "it is told to end")
    engine.kill9()
    restart.communicate()
    if ended_meanwhile:
        wait_until(lambda: not Path(f"/proc/{process}").exists(), "it has ended")
    engine.start()
    wait_until(lambda: engine.state(id)["Running"] and engine.state(id)["StartedAt"] != started, "it runs again")
    # The restart is over: what its user wants now counts.
    engine.docker("stop", "-t", "0", id)
    engine.restart()
    assert not engine.state(id)["Running"]


def test_a_commit_that_was_cut_off_leaves_nothing_frozen(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    fill = "dd if=/dev/urandom of=/file bs=1M count=80 2>/dev/null; echo up; exec sleep 1000"
    id = engine.docker("run", "-d", "busybox", "sh", "-c", fill).text
    frozen = engine.docker("run", "-d", "busybox", "sleep", "1000").text
    engine.docker("pause", frozen)
    wait_until(lambda: "up" in engine.docker("logs", id).text, "it is up")
    commit = engine.docker_process("commit", id, "made")
    wait_until(lambda: engine.state(id)["Paused"], "it is frozen")
    engine.kill9()
    commit.communicate()
    engine.start()
    assert not engine.state(id)["Paused"]
    assert engine.docker("exec", id, "echo", "alive").text == "alive"
    assert engine.docker("images", "-q", "made").text == ""
    assert engine.state(frozen)["Paused"], "this one its user has frozen"


def test_what_is_asked_of_containers_at_once_finds_them_whole(new_wharfd: Callable[..., Wharfd]) -> None:
    """The daemon answers before it has heard of its containers again: who asks does not notice."""
    engine = new_wharfd()
    engine.docker("network", "create", "near")
    trap = "trap 'echo ended; exit 7' TERM; echo began; while :; do sleep 0.05; done"
    ids = [
        engine.docker("run", "-d", "--name", f"box{n}", "--network", "near", "busybox", "sh", "-c", trap).text
        for n in range(6)
    ]
    engine.kill9()
    engine.start()
    asked = (
        ("exec", "box0", "sh", "-c", "echo here; exit 3"),
        ("stop", "box1"),
        ("network", "disconnect", "near", "box2"),
        ("rm", "-f", "box3"),
        ("pause", "box4"),
        ("top", "box5"),
    )
    with ThreadPoolExecutor(len(asked)) as pool:
        found = list(pool.map(lambda words: engine.docker(*words, check=False), asked))
    assert (found[0].code, found[0].text) == (3, "here")
    assert [one.code for one in found[1:]] == [0] * 5, found
    state = inspected(engine, ids[1])["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 7)
    assert engine.docker("logs", "box1").text.split() == ["began", "ended"]
    assert inspected(engine, ids[2])["NetworkSettings"]["Networks"] == {}
    assert inspected(engine, ids[4])["State"]["Status"] == "paused"
    assert "sleep" in found[5].text
    assert engine.docker("exec", "box0", "nslookup", "box5", check=False).code == 0
    engine.remove_all()
    engine.docker("network", "rm", "near")


def test_a_shim_that_is_stuck_keeps_nobody_else_waiting(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    stuck, other = (engine.docker("run", "-d", "busybox", "sleep", "1000").text for _ in range(2))
    shim = json.loads((engine.root / "exec/containers" / stuck / "shim.json").read_text())["pid"]
    engine.kill9()
    os.kill(shim, signal.SIGSTOP)
    engine.start()
    assert engine.docker("exec", other, "echo", "here").text == "here"
    assert inspected(engine, stuck)["State"]["Status"] == "running"  # not given up yet
    wait_until(lambda: inspected(engine, stuck)["State"]["Status"] == "exited", "it is given up")
    assert "shim died" in inspected(engine, stuck)["State"]["Error"]
