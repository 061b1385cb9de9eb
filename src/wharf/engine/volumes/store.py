"""The records of volumes: in memory, and in the table `volumes`."""

from collections.abc import Iterator

from wharf.db.database import Database
from wharf.engine.volumes import record
from wharf.engine.volumes.record import Volume


class VolumeStore:
    def __init__(self, db: Database) -> None:
        self._db = db
        rows = db.read("SELECT record FROM volumes")
        self._by_name = {volume.name: volume for volume in (record.decode(row[0]) for row in rows)}

    def get(self, name: str) -> Volume | None:
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[Volume]:
        """By name."""
        return iter([volume for _, volume in sorted(self._by_name.items())])

    def add(self, volume: Volume) -> None:
        """What was added survives a power cut."""
        with self._db.write(durable=True) as db:
            db.execute("INSERT INTO volumes (name, record) VALUES (?, ?)", (volume.name, record.encode(volume)))
        self._by_name[volume.name] = volume

    def remove(self, name: str) -> None:
        with self._db.write(durable=True) as db:
            db.execute("DELETE FROM volumes WHERE name = ?", (name,))
        self._by_name.pop(name, None)

    def begin_rename(self, volume: Volume, renamed: Volume) -> None:
        """The record gets its new name, and who opens the store next is told of the old one until end_rename()."""
        with self._db.write(durable=True) as db:
            db.execute("INSERT INTO volume_renames (old, new) VALUES (?, ?)", (volume.name, renamed.name))
            db.execute("DELETE FROM volumes WHERE name = ?", (volume.name,))
            db.execute("INSERT INTO volumes (name, record) VALUES (?, ?)", (renamed.name, record.encode(renamed)))
        del self._by_name[volume.name]
        self._by_name[renamed.name] = renamed

    def end_rename(self, old: str) -> None:
        with self._db.write() as db:
            db.execute("DELETE FROM volume_renames WHERE old = ?", (old,))

    def renames(self) -> list[tuple[str, str]]:
        """Old and new names of renames that were begun and not ended."""
        return [(old, new) for old, new in self._db.read("SELECT old, new FROM volume_renames")]
