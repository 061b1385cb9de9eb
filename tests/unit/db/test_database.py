import os
import sqlite3
from pathlib import Path

import pytest

from wharf.db.database import Database
from wharf.errors import EngineError

STEPS = ("CREATE TABLE one (x)", "CREATE TABLE two (x)")


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    db = Database(tmp_path / "db", STEPS)
    with pytest.raises(RuntimeError), db.write(durable=True) as writer:
        writer.execute("INSERT INTO one VALUES (1)")
        raise RuntimeError
    with db.write() as writer:
        writer.execute("INSERT INTO one VALUES (2)")
    assert db.read("SELECT x FROM one") == [(2,)]
    db.close()


def test_the_schema_grows_and_keeps_its_rows(tmp_path: Path) -> None:
    old = Database(tmp_path / "db", STEPS[:1])
    with old.write() as writer:
        writer.execute("INSERT INTO one VALUES (1)")
    old.close()
    new = Database(tmp_path / "db", STEPS)
    assert new.read("SELECT x FROM one") == [(1,)]
    assert new.read("SELECT x FROM two") == []
    new.close()


def test_a_file_from_the_future_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "db", STEPS).close()
    with pytest.raises(EngineError, match="newer version"):
        Database(tmp_path / "db", STEPS[:1])


def test_nobody_else_reads_what_is_in_it(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        for _ in range(2):
            db = Database(tmp_path / "db", STEPS)
            with db.write() as writer:
                writer.execute("INSERT INTO one VALUES (1)")
            assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
                "db": 0o600,
                "db-shm": 0o600,
                "db-wal": 0o600,
            }
            db.close()
            (tmp_path / "db").chmod(0o644)
    finally:
        os.umask(umask)


@pytest.mark.parametrize("durable", [False, True])
def test_a_change_is_a_transaction(tmp_path: Path, durable: bool) -> None:
    database = Database(tmp_path / "db", ["CREATE TABLE t (name TEXT UNIQUE)"])
    database.change("INSERT INTO t VALUES (?)", ("a",), durable=durable)
    with pytest.raises(sqlite3.IntegrityError):
        database.change("INSERT INTO t VALUES ('b'), ('a')", durable=durable)
    database.close()
    assert Database(tmp_path / "db", ["CREATE TABLE t (name TEXT UNIQUE)"]).read("SELECT name FROM t") == [("a",)]
