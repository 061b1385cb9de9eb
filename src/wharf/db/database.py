"""The database: transactions, and a schema that grows by numbered steps."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wharf.db.migrations import MIGRATIONS
from wharf.errors import EngineError


class Database:
    """One SQLite file, used from the event loop's thread only. Readers never wait for the writer (WAL)."""

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        _keep_private(path)
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        # All that is asked for often is in memory already, as values: pages need not be there, too.
        self._connection.execute("PRAGMA cache_size = -256")  # KiB
        self._connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL syncs only at checkpoints; what must survive a power cut asks for it in write().
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._migrate(migrations)

    def _migrate(self, migrations: Sequence[str]) -> None:
        """Brings the schema to the newest version, one transaction a step. Raises EngineError for a newer file."""
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(migrations):
            raise EngineError(
                f"the data-root was written by a newer version (schema {version}, ours {len(migrations)})"
            )
        for number, script in enumerate(migrations[version:], start=version + 1):
            self._connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction: kept when the block ends, undone when it raises. Do not await inside.

        `durable`: it survives a power cut from the moment the block has ended (0.4 ms instead of 0.02 ms).
        """
        if durable:
            self._connection.execute("PRAGMA synchronous = FULL")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        finally:
            if durable:
                self._connection.execute("PRAGMA synchronous = NORMAL")

    def change(self, statement: str, parameters: Sequence[object] = (), *, durable: bool = False) -> None:
        """A transaction of one statement, with a third of the calls of write()."""
        if durable:
            with self.write(durable=True) as connection:
                connection.execute(statement, parameters)
        else:
            self._connection.execute(statement, parameters)

    def read(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        self._connection.close()


def _keep_private(path: Path) -> None:
    """Containers' environments hold passwords. SQLite gives the files beside it (-wal, -shm) the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for beside in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        if beside.exists():  # made by an earlier version, or with another umask
            beside.chmod(0o600)
