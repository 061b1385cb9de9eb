"""What a daemon that was killed, or a host that went down, leaves to the next one."""

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from harness.engine import API
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
    assert engine.start() < 6
    assert not (engine.root / "exec/containers" / id).exists()
    assert not list(engine.cgroups())


def test_a_restart_that_was_due_comes_with_its_count_and_its_exit_code(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    id = engine.docker("run", "-d", "--restart", "on-failure:6", "busybox", "sh", "-c", "exit 3").text
    deadline = time.monotonic() + 20
    while (found := inspected(engine, id))["RestartCount"] < 4 or found["State"]["Status"] != "restarting":
        assert time.monotonic() < deadline
        time.sleep(0.02)
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
    deadline = time.monotonic() + 10
    while engine.state(id)["Status"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert engine.state(stopped)["Status"] == "exited"
