"""Removals that the disk does not allow: told, asked for again, and no hindrance to the daemon's start."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

from harness.wharfd import Wharfd


def obstruct(engine: Wharfd, id: str) -> Path:
    """Puts something in the place of the container's directory that cannot be removed as one."""
    place = engine.root / "data/containers" / id
    place.rename(engine.root / "moved")
    place.touch()
    return place


def test_a_removal_that_failed_can_be_asked_for_again(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    id = engine.docker("create", "busybox", "true").text
    place = obstruct(engine, id)
    for _ in range(2):
        failed = engine.docker("rm", id, check=False)
        assert failed.code == 1
        assert "cannot remove" in failed.error
        assert engine.state(id)["Status"] == "dead"
    place.unlink()
    engine.docker("rm", id)
    assert engine.docker("ps", "-aq").text == ""


def test_a_removal_that_cannot_be_ended_does_not_keep_the_daemon_from_starting(
    new_wharfd: Callable[..., Wharfd],
) -> None:
    engine = new_wharfd()
    id = engine.docker("create", "busybox", "true").text
    place = obstruct(engine, id)
    engine.stop()
    with sqlite3.connect(engine.root / "data/wharf.db") as db:
        record = json.loads(db.execute("SELECT record FROM containers").fetchone()[0])
        db.execute("UPDATE containers SET record = ?", (json.dumps(record | {"status": "removing"}).encode(),))
    db.close()
    engine.start()
    assert engine.state(id)["Status"] == "dead"
    place.unlink()
    engine.docker("rm", id)
