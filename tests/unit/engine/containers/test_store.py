import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from harness.records import recorded
from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.db.database import Database
from wharf.db.migrations import MIGRATIONS
from wharf.engine.containers.record import Container, Status
from wharf.engine.containers.store import ContainerStore
from wharf.errors import Conflict, InvalidArgument, NoSuchContainer
from wharf.network.contract import Endpoint

FULL = "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"


def container(id: str, name: str) -> Container:
    return recorded(id, name, config=ContainerConfig(env=["A=1"]), host=HostConfig(memory=1 << 30))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "db")
    yield database
    database.close()


def test_what_is_added_is_there_after_a_new_start(db: Database) -> None:
    store = ContainerStore(db)
    store.add(container("abc1", "web"))
    store.update(store.find("web").with_(status=Status.EXITED, exit_code=3))
    again = ContainerStore(db).find("web")
    assert again == container("abc1", "web").with_(status=Status.EXITED, exit_code=3)


def test_lookup_by_id_name_and_prefix(db: Database) -> None:
    store = ContainerStore(db)
    store.add(container("abc1", "web"))
    store.add(container("abd2", "abc"))
    for ref in ("abc1", "web", "/web"):
        assert store.find(ref).name == "web"
    assert store.find("abc").name == "abc"  # a name goes before the beginning of an id
    assert store.find("abd").name == "abc"
    with pytest.raises(InvalidArgument, match="Multiple IDs"):
        store.find("ab")
    for ref in ("x", "/"):
        with pytest.raises(NoSuchContainer):
            store.find(ref)
    with pytest.raises(InvalidArgument, match='invalid name or ID supplied: ""'):
        store.find("")


def test_a_name_belongs_to_one(db: Database) -> None:
    store = ContainerStore(db)
    store.add(container("a", "web"))
    with pytest.raises(Conflict, match='already in use by container "a"'):
        store.add(container("b", "web"))
    store.add(container("b", "db"))
    with pytest.raises(Conflict):
        store.rename(store.find("db"), "web")
    assert store.rename(store.find("db"), "cache").name == "cache"
    store.remove(store.find("web"))
    store.rename(store.find("cache"), "web")
    assert [c.name for c in ContainerStore(db)] == ["web"]


def test_guests_of_a_network_and_their_guests(db: Database) -> None:
    store = ContainerStore(db)
    for id, mode in (
        ("a", "default"),
        ("b", "container:a"),
        ("c", "container:name-b"),
        ("d", "container:gone"),
        ("e", "container:f"),
        ("f", "container:e"),
    ):
        made = container(id, f"name-{id}")
        store.add(made.with_(host=msgspec.structs.replace(made.host, network_mode=mode)))
    for known in (store, ContainerStore(db)):
        assert [[one.id for one in known.guests(id)] for id in "abcdef"] == [
            ["b", "c"],
            ["c"],
            [],
            [],
            ["f", "e"],
            ["e", "f"],
        ]
    store.remove(store.find("b"))
    assert store.guests("a") == []


def test_a_record_with_one_endpoint_is_read_as_one_of_many(tmp_path: Path) -> None:
    """Records of before a container could be on several networks."""
    old = sqlite3.connect(tmp_path / "db")
    for script in MIGRATIONS[:4]:
        old.executescript(script)
    old.execute("PRAGMA user_version = 4")
    endpoint = Endpoint("e", "a", "bridge", "veth0", "m", "172.17.0.2", 16, "172.17.0.1")
    for name, kept in (("one", endpoint), ("two", None)):
        document = msgspec.to_builtins(container(name, name)) | {"endpoint": msgspec.to_builtins(kept)}
        del document["endpoints"]
        row = (document["id"], name, msgspec.json.encode(document))
        old.execute("INSERT INTO containers (id, name, record) VALUES (?, ?, ?)", row)
    old.commit()
    old.close()
    db = Database(tmp_path / "db")
    found = {c.name: c for c in ContainerStore(db)}
    db.close()
    assert {name: c.endpoints for name, c in found.items()} == {"one": {"bridge": endpoint}, "two": {}}
    assert {name: c.with_(endpoints={}) for name, c in found.items()} == {n: container(n, n) for n in ("one", "two")}


def test_what_has_happened_is_recorded_once_the_disk_takes_it(db: Database) -> None:
    store = ContainerStore(db)
    for id in ("one", "two"):
        store.add(container(id, id))
    with db.write() as connection:
        connection.execute(f"CREATE TRIGGER full BEFORE UPDATE ON containers {FULL}")
    store.settle(ended := store.find("one").with_(status=Status.EXITED, exit_code=3))
    assert store.find("one") == ended
    with pytest.raises(sqlite3.Error, match="the disk is full"):
        store.update(store.find("two").with_(exit_code=4))
    assert (store.find("two").exit_code, ContainerStore(db).find("one").status) == (0, Status.CREATED)
    with db.write() as connection:
        connection.execute("DROP TRIGGER full")
    store.update(store.find("two").with_(exit_code=5))
    assert ContainerStore(db).find("one") == ended
