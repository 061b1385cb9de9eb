"""All containers by id and name: in memory for the questions, in the database for the next start."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence

from wharf.apitypes.containers import HostConfig
from wharf.db.database import Database
from wharf.engine.containers import record
from wharf.engine.containers.record import ALIVE, Container
from wharf.engine.containers.sharing import donor
from wharf.errors import Conflict, InvalidArgument, NoSuchContainer

log = logging.getLogger(__name__)


class ContainerStore:
    """The records. What a write method returned is on disk."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.version = 0  # grows with every change
        self._by_id: dict[str, Container] = {}
        self._id_by_name: dict[str, str] = {}
        self._unrecorded: set[str] = set()  # those that the disk did not take
        self._with_links: set[str] = set()  # few have any, and each start asks for them
        self._guests: set[str] = set()  # few have joined another's network, and each end asks for them
        for row in db.read("SELECT record FROM containers"):
            self._remember(record.decode(row[0]))

    def _remember(self, container: Container) -> None:
        self.version += 1
        self._by_id[container.id] = container
        self._id_by_name[container.name] = container.id
        self._note_links(container)
        if donor(container.host.network_mode):
            self._guests.add(container.id)

    def _note_links(self, container: Container) -> None:
        if container.host.links:
            self._with_links.add(container.id)
        else:
            self._with_links.discard(container.id)

    def __iter__(self) -> Iterator[Container]:
        return iter(list(self._by_id.values()))

    def get(self, id: str) -> Container | None:
        """By full id."""
        return self._by_id.get(id)

    def by_name(self, name: str) -> Container | None:
        id = self._id_by_name.get(name)
        return self._by_id[id] if id else None

    def find(self, ref: str) -> Container:
        """By id, name (with or without its slash) or unambiguous beginning of an id, in this order."""
        if not ref:
            raise InvalidArgument('invalid name or ID supplied: ""')
        if found := self._by_id.get(ref) or self.by_name(ref.removeprefix("/")):
            return found
        matches = [c for id, c in self._by_id.items() if id.startswith(ref)]
        if not matches:
            raise NoSuchContainer(ref)
        if len(matches) > 1:
            raise InvalidArgument(f"Multiple IDs found with provided prefix: {ref}")
        return matches[0]

    def search(self, ref: str) -> Container | None:
        """As find(), but None where nothing is found."""
        try:
            return self.find(ref)
        except (NoSuchContainer, InvalidArgument):
            return None

    def add(self, container: Container) -> None:
        """Records a new container so that it survives a power cut. Raises Conflict when the name is taken."""
        if holder := self.by_name(container.name):
            raise Conflict(name_taken(container.name, holder.id))
        with self._db.write(durable=True) as db:
            db.execute(
                "INSERT INTO containers (id, name, record) VALUES (?, ?, ?)",
                (container.id, container.name, record.encode(container)),
            )
        self._remember(container)

    def update(self, container: Container, *, durable: bool = False) -> None:
        """Records a changed state.

        Unless it is `durable`, a power cut may take the last ones back: the kernel's state is gone then anyway.
        """
        values = (record.encode(container), container.id)
        self._db.change("UPDATE containers SET record = ? WHERE id = ?", values, durable=durable)
        self._replace(container)
        late, self._unrecorded = self._unrecorded - {container.id}, set()
        for id in late & self._by_id.keys():
            self.settle(self._by_id[id])

    def settle(self, container: Container) -> None:
        """As update(), for what has happened whatever the disk takes: that is recorded with the next change then."""
        try:
            self.update(container)
        except sqlite3.Error:
            log.exception("cannot record the state of a container yet", extra={"container": container.id})
            self._replace(container)
            self._unrecorded.add(container.id)

    def _replace(self, container: Container) -> None:
        self.version += 1
        self._by_id[container.id] = container
        self._note_links(container)

    def rename(self, container: Container, name: str) -> Container:
        """Raises Conflict when the name is taken."""
        if holder := self.by_name(name):
            raise Conflict(name_taken(name, holder.id))
        renamed = container.with_(name=name)
        try:
            with self._db.write(durable=True) as db:
                db.execute(
                    "UPDATE containers SET name = ?, record = ? WHERE id = ?",
                    (name, record.encode(renamed), container.id),
                )
        except sqlite3.IntegrityError:
            raise Conflict(name_taken(name, "unknown")) from None
        del self._id_by_name[container.name]
        self._remember(renamed)
        return renamed

    def remove(self, container: Container) -> None:
        self._db.change("DELETE FROM containers WHERE id = ?", (container.id,))
        self.version += 1
        self._by_id.pop(container.id, None)
        self._with_links.discard(container.id)
        self._guests.discard(container.id)
        self._id_by_name.pop(container.name, None)

    def runs(self, id: str) -> bool:
        """Whether `id` is that of a container with processes."""
        container = self.get(id)
        return container is not None and container.status in ALIVE

    def linked_to(self, id: str) -> Sequence[Container]:
        """The containers that have a link to this one."""
        return [self._by_id[owner] for owner in self._with_links if id in targets(self._by_id[owner].host)]

    def guests(self, id: str) -> Sequence[Container]:
        """The containers that join this one's network, also by way of others."""
        found: list[Container] = []
        hosts, rest = {id}, [self._by_id[guest] for guest in self._guests]
        while met := [one for one in rest if (host := self.search(donor(one.host.network_mode))) and host.id in hosts]:
            hosts = {one.id for one in met}
            rest = [one for one in rest if one.id not in hosts]
            found += met
        return found

    def users_of_image(self, image: str) -> Sequence[tuple[str, bool]]:
        """Containers made from an image: id, and whether it runs."""
        return [(c.id, c.running) for c in self if c.image == image]

    def users_of_volume(self, name: str, *, but: str = "") -> Sequence[str]:
        """Ids of the containers that mount a volume."""
        return [c.id for c in self if c.id != but and any(m.type == "volume" and m.name == name for m in c.all_mounts)]


def targets(host: HostConfig) -> frozenset[str]:
    """Ids of the containers that it is linked to: a record has each link as `id:alias`."""
    return frozenset(text.partition(":")[0] for text in host.links)


def name_taken(name: str, holder: str) -> str:
    """dockerd's words for a name that somebody has."""
    return (
        f'Conflict. The container name "/{name}" is already in use by container "{holder}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
