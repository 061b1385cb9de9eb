"""The records of managed plugins: in memory, and in the table `plugins`."""

from collections.abc import Iterator

from wharf.db.database import Database
from wharf.engine.plugins import record
from wharf.engine.plugins.record import PluginRecord


class PluginStore:
    """Keyed by id. Every change survives a power cut from the moment it is made."""

    def __init__(self, db: Database) -> None:
        self._db = db
        plugins = [record.decode(row[0]) for row in db.read("SELECT record FROM plugins")]
        self._by_id = {plugin.id: plugin for plugin in plugins}

    def __iter__(self) -> Iterator[PluginRecord]:
        """By name."""
        return iter(sorted(self._by_id.values(), key=lambda plugin: plugin.name))

    def put(self, plugin: PluginRecord) -> None:
        """Adds a plugin, or puts its new value in place of the old."""
        with self._db.write(durable=True) as db:
            db.execute(
                "INSERT INTO plugins (id, name, record) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record",
                (plugin.id, plugin.name, record.encode(plugin)),
            )
        self._by_id[plugin.id] = plugin

    def remove(self, id: str) -> None:
        with self._db.write(durable=True) as db:
            db.execute("DELETE FROM plugins WHERE id = ?", (id,))
        self._by_id.pop(id, None)
