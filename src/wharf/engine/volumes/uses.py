"""Who has which volume mounted, where a mount is something to give back.

The intent is recorded before the driver is asked, and forgotten when it has been given back: whatever happens in
between, somebody knows. Containers that use plain directories leave no trace here.
"""

from collections import defaultdict
from collections.abc import Iterator, Set

from wharf.db.database import Database


class Uses:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        for volume, user in db.read("SELECT volume, user FROM volume_uses"):
            self._users[volume].add(user)

    def of(self, volume: str) -> Set[str]:
        """Who has it mounted, or may have."""
        return self._users.get(volume, frozenset())

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([(volume, user) for volume, users in self._users.items() for user in users])

    def volumes(self) -> list[str]:
        """Those that somebody has mounted."""
        return list(self._users)

    def begin(self, volume: str, user: str) -> None:
        self._db.change("INSERT OR IGNORE INTO volume_uses (volume, user) VALUES (?, ?)", (volume, user))
        self._users[volume].add(user)

    def end(self, volume: str, user: str) -> None:
        self._db.change("DELETE FROM volume_uses WHERE volume = ? AND user = ?", (volume, user))
        self._users[volume].discard(user)
        if not self._users[volume]:
            del self._users[volume]
