"""Volumes as the engine offers them: records, users, removal, copy-up."""

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from wharf.apitypes.containers import MountPoint
from wharf.db.database import Database
from wharf.engine.volumes import Volume, Volumes
from wharf.engine.volumes.transfer import Transfers
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound
from wharf.events.bus import Bus
from wharf.volumes.directories import Directories


class Place:
    """A data-root, and engines that follow one another on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = Bus()
        self.db: Database | None = None
        self.users: dict[str, Sequence[str]] = {}

    def open(self) -> Volumes:
        if self.db:
            self.db.close()
        self.db = Database(self.path / "db")
        volumes = Volumes(self.db, self.path / "volumes", self.events)
        volumes.users = lambda name: self.users.get(name, ())
        self.volumes = volumes
        return volumes

    def happened(self) -> list[str]:
        """All events so far."""
        with self.events.subscribe(since_ns=0) as subscription:
            subscription.close()  # what was received already can still be read

            async def read() -> list[str]:
                return [f"{event.action} {event.id}" async for event in subscription]

            return asyncio.run(read())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def names(volumes: Volumes, **filters: Sequence[str]) -> list[str]:
    return [volume.name for volume in await volumes.list(filters)]


def test_a_volume_and_its_content_outlive_the_engine(place: Place) -> None:
    made = asyncio.run(place.open().create("data", labels={"a": "b"}))
    Path(made.mountpoint, "file").write_text("kept")
    again = place.open().get("data")
    assert again == made
    assert again.labels == {"a": "b"} and not again.anonymous
    assert Path(again.mountpoint, "file").read_text() == "kept"


def test_creating_what_is_there_changes_nothing(place: Place) -> None:
    volumes = place.open()
    first = asyncio.run(volumes.create("data", labels={"a": "b"}))
    assert asyncio.run(volumes.create("data", labels={"c": "d"})) is first
    assert place.happened() == ["create data"]


def test_a_volume_without_a_name_gets_one_and_is_marked(place: Place) -> None:
    volume = asyncio.run(place.open().create(""))
    assert len(volume.name) == 64 and volume.anonymous


@pytest.mark.parametrize(
    ("name", "driver", "options", "kind", "text"),
    [
        ("v", "local", {}, InvalidArgument, "create v: volume name is too short"),
        ("a/b", "local", {}, InvalidArgument, 'create a/b: "a/b" includes invalid characters for a local volume name'),
        ("xx", "foo", {}, NotFound, 'create xx: error looking up volume plugin foo: plugin "foo" not found'),
        ("xx", "local", {"foo": "1"}, InvalidArgument, 'create xx: invalid option: "foo"'),
        ("xx", "local", {"o": "bind"}, InvalidArgument, 'create xx: missing required option: "device"'),
        ("xx", "local", {"device": "/x"}, InvalidArgument, 'create xx: missing required option: "type"'),
    ],
)
def test_refused(
    place: Place, name: str, driver: str, options: dict[str, str], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as error:
        asyncio.run(place.open().create(name, driver=driver, options=options))
    assert str(error.value).startswith(text)
    assert asyncio.run(names(place.open())) == []


def test_unknown_names(place: Place) -> None:
    volumes = place.open()
    with pytest.raises(NotFound, match=r"^get nope: no such volume$"):
        volumes.get("nope")
    with pytest.raises(NotFound, match=r"^get nope: no such volume$"):
        asyncio.run(volumes.remove("nope"))
    asyncio.run(volumes.remove("nope", force=True))


def test_what_is_used_stays(place: Place) -> None:
    async def run() -> None:
        volumes = place.open()
        await volumes.create("data")
        place.users = {"data": ["c1", "c2"]}
        with pytest.raises(Conflict, match=r"^remove data: volume is in use - \[c1, c2\]$"):
            await volumes.remove("data", force=True)
        place.users = {}
        with volumes.held("data"):
            with pytest.raises(Conflict):
                await volumes.remove("data")
            assert (await volumes.prune({"all": ["true"]})).volumes_deleted == []
        await volumes.remove("data")
        assert not (place.path / "volumes/data").exists()

    asyncio.run(run())
    assert place.happened() == ["create data", "prune ", "destroy data"]
    assert asyncio.run(names(place.open())) == []


def test_a_container_that_leaves_takes_its_volume_along(place: Place) -> None:
    async def run() -> None:
        volumes = place.open()
        await volumes.create("data")
        place.users = {"data": ["c1", "c2"]}
        with pytest.raises(Conflict, match=r"in use - \[c2\]$"):
            await volumes.remove("data", leaving="c1")
        place.users = {"data": ["c1"]}
        await volumes.remove("data", leaving="c1")

    asyncio.run(run())


def test_lists_and_filters(place: Place) -> None:
    async def run() -> None:
        volumes = place.open()
        await volumes.create("one", labels={"tier": "db", "x": ""})
        await volumes.create("two", labels={"tier": "web"})
        place.users = {"two": ["c"]}
        assert await names(volumes) == ["one", "two"]
        assert await names(volumes, name=["^o"]) == ["one"]
        assert await names(volumes, name=["w", "n"]) == ["one", "two"]
        assert await names(volumes, label=["tier"]) == ["one", "two"]
        assert await names(volumes, label=["tier=db", "x"]) == ["one"]
        assert await names(volumes, dangling=["1"]) == ["one"]
        assert await names(volumes, dangling=["false"]) == ["two"]
        assert await names(volumes, driver=["nfs"]) == []
        with pytest.raises(InvalidArgument, match=r"^invalid filter 'foo'$"):
            await names(volumes, foo=["x"])
        with pytest.raises(InvalidArgument, match=r"^invalid filter 'dangling=\[x\]'$"):
            await names(volumes, dangling=["x"])

    asyncio.run(run())


def test_prune_spares_names_unless_told(place: Place) -> None:
    async def run() -> None:
        volumes = place.open()
        anonymous = await volumes.create("")
        Path(anonymous.mountpoint, "file").write_bytes(b"x" * 500)
        await volumes.create("named", labels={"keep": ""})
        done = await volumes.prune({})
        assert (done.volumes_deleted, done.space_reclaimed) == ([anonymous.name], 500)
        assert (await volumes.prune({"all": ["1"], "label!": ["keep"]})).volumes_deleted == []
        assert (await volumes.prune({"all": ["1"], "label": ["keep"]})).volumes_deleted == ["named"]

    asyncio.run(run())


def wait_until_nothing_is_withdrawn(place: Place) -> None:
    deadline = time.monotonic() + 30
    while list((place.path / "volumes/.removed").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_copy_that_a_dead_engine_left_is_cleared_away(place: Place) -> None:
    asyncio.run(place.open().create("data"))
    (place.path / "volumes/data/_copy/sub").mkdir(parents=True)
    place.open()
    assert [path.name for path in (place.path / "volumes/data").iterdir()] == ["_data"]
    wait_until_nothing_is_withdrawn(place)


def test_an_engine_that_died_while_removing_is_followed_by_one_that_finishes(place: Place) -> None:
    volumes = place.open()
    asyncio.run(volumes.create("data"))
    Path(volumes.get("data").mountpoint, "file").write_text("x")
    Directories(place.path / "volumes").withdraw("data")
    volumes = place.open()
    assert asyncio.run(names(volumes)) == []
    wait_until_nothing_is_withdrawn(place)
    made = asyncio.run(volumes.create("data"))
    assert list(Path(made.mountpoint).iterdir()) == []


@pytest.fixture
def image(tmp_path: Path) -> Path:
    root = tmp_path / "rootfs"
    (root / "content/sub").mkdir(parents=True)
    (root / "content/sub/file").write_text("from the image")
    (root / "content").chmod(0o1777)
    (root / "etc").mkdir()
    (root / "etc/hostname").write_text("x")
    return root


def test_copy_up_fills_an_empty_volume_once(place: Place, image: Path) -> None:
    async def run() -> None:
        volumes = place.open()
        volume = await volumes.create("data")
        assert volumes.may_be_empty(volume)
        await asyncio.gather(*(volumes.copy_up(volume, image, "/content") for _ in range(5)))
        assert Path(volume.mountpoint, "sub/file").read_text() == "from the image"
        assert Path(volume.mountpoint).stat().st_mode & 0o7777 == 0o1777
        assert not volumes.may_be_empty(volume)
        Path(volume.mountpoint, "sub/file").unlink()
        await volumes.copy_up(volume, image, "/content")
        assert list(Path(volume.mountpoint, "sub").iterdir()) == []

    asyncio.run(run())


@pytest.mark.parametrize("link", ["/content", "content", "../../../../content", "/etc/../content"])
def test_links_are_the_containers_own(place: Place, image: Path, link: str) -> None:
    async def run() -> None:
        (image / "data").symlink_to(link)
        volumes = place.open()
        volume = await volumes.create("data")
        await volumes.copy_up(volume, image, "/data")
        assert os.listdir(volume.mountpoint) == ["sub"]  # noqa: PTH208

    asyncio.run(run())


def test_no_link_leads_to_the_host(place: Place, image: Path, tmp_path: Path) -> None:
    async def run() -> None:
        (tmp_path / "secret").mkdir()
        (tmp_path / "secret/key").write_text("x")
        (image / "data").symlink_to(tmp_path / "secret")
        (image / "up").symlink_to("../" * 20 + str(tmp_path / "secret"))
        (image / "loop").symlink_to("loop")
        volumes = place.open()
        volume = await volumes.create("data")
        for target in ("/data", "/up", "/nothing", "/../../secret"):
            await volumes.copy_up(volume, image, target)
        for target, text in (("/loop", "symbolic links"), ("/etc/hostname", "Not a directory")):
            with pytest.raises(EngineError, match=text):
                await volumes.copy_up(volume, image, target)
        assert list(Path(volume.mountpoint).iterdir()) == []

    asyncio.run(run())


def test_who_is_cancelled_leaves_nothing_running(place: Place, image: Path) -> None:
    async def run() -> None:
        for number in range(3000):
            (image / f"content/{number}").write_text("x")
        volumes = place.open()
        volume = await volumes.create("data")
        task = asyncio.create_task(volumes.copy_up(volume, image, "/content"))
        while not any(Path(volume.mountpoint).parent.glob("_copy/*")):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found = len(list(Path(volume.mountpoint).iterdir()))
        await asyncio.sleep(0.05)
        assert len(list(Path(volume.mountpoint).iterdir())) == found == 0
        await volumes.remove("data")

    asyncio.run(run())


def test_a_start_repairs_what_somebody_deleted(place: Place) -> None:
    async def run() -> None:
        volumes = place.open()
        volume = await volumes.create("data")
        Path(volume.mountpoint).rmdir()
        mount = MountPoint(type="volume", name="data", destination="/data", driver="local")
        await volumes.attach(mount, "c1")
        assert Path(volume.mountpoint).is_dir()
        with pytest.raises(NotFound):
            await volumes.attach(MountPoint(type="volume", name="gone"), "c1")

    asyncio.run(run())
    assert place.happened() == ["create data", "mount data"]


def test_what_the_api_shows(place: Place) -> None:
    volumes = place.open()
    shown = volumes.summary(asyncio.run(volumes.create("data", labels={"a": "b"})))
    assert (shown.name, shown.driver, shown.scope, shown.labels, shown.options) == (
        "data",
        "local",
        "local",
        {"a": "b"},
        None,
    )
    place.users = {"data": ["c1"]}
    [usage] = asyncio.run(volumes.usage())
    assert (usage.name, usage.usage_data.size, usage.usage_data.ref_count) == ("data", 0, 1)


def test_servers_that_do_not_answer_delay_what_is_shown_of_all_like_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked of each is asked of all at once; nobody knows the size of one that does not answer in time."""
    all_asked, answer = threading.Barrier(3), threading.Event()

    def usage(directories: Directories, name: str, stopped: object) -> int:
        if name.startswith("far"):
            all_asked.wait(20)
        if name == "far-silent":
            answer.wait()
        return len(name)

    async def run() -> dict[str, int]:
        volumes = place.open()
        for name in ("far-1", "far-2", "far-silent"):
            await volumes.create(name, options={"type": "nfs", "device": ":/", "o": "addr=192.0.2.1"})
        for name in ("near", "nearer"):
            await volumes.create(name)
        try:
            return {one.name: one.usage_data.size for one in await volumes.usage()}
        finally:
            answer.set()

    monkeypatch.setattr(Directories, "usage", usage)
    assert asyncio.run(run()) == {"far-1": 5, "far-2": 5, "far-silent": -1, "near": 4, "nearer": 6}


def test_a_rename_that_died_is_ended_by_the_next_engine(place: Place) -> None:
    async def begin() -> None:
        volumes = place.open()
        volume = await volumes.create("old", labels={"a": "b"})
        Path(volume.mountpoint, "file").write_text("kept")
        place.users = {"old": ["c1"]}
        with pytest.raises(Conflict, match=r"^rename old: volume is in use - \[c1\]$"):
            await volumes.rename("old", "new")
        place.users = {}
        with pytest.raises(OSError):
            # The death in between: the directory cannot be moved.
            (place.path / "volumes/new/_data").mkdir(parents=True)
            await volumes.rename("old", "new")
        (place.path / "volumes/new/_data").rmdir()
        (place.path / "volumes/new").rmdir()

    asyncio.run(begin())
    volumes = place.open()
    assert asyncio.run(names(volumes)) == ["new"]
    assert Path(volumes.get("new").mountpoint, "file").read_text() == "kept"
    assert volumes.get("new").labels == {"a": "b"}
    asyncio.run(volumes.rename("new", "newer"))
    assert Path(place.open().get("newer").mountpoint, "file").read_text() == "kept"


def test_renames_that_are_refused(place: Place) -> None:
    async def run() -> None:
        volumes = place.open()
        await volumes.create("one")
        await volumes.create("two")
        for new, text in (
            ("two", "a volume with the name two exists"),
            ("a/b", "includes invalid"),
            ("one", "same name"),
        ):
            with pytest.raises((Conflict, InvalidArgument), match=text):
                await volumes.rename("one", new)
        with pytest.raises(NotFound):
            await volumes.rename("none", "three")
        assert await names(volumes) == ["one", "two"]

    asyncio.run(run())


def test_a_copy_that_was_not_finished_is_none(place: Place) -> None:
    async def run() -> None:
        local = place.open().drivers.local
        for name in ("unseen", "recorded"):
            _, data = await local.begin(name)
            (data / "file").write_text("x")

    asyncio.run(run())
    # As if the engine had died between the record and the name.
    place.volumes._store.add(Volume("recorded", "local", "", ""))
    volumes = place.open()
    assert asyncio.run(names(volumes)) == []
    wait_until_nothing_is_withdrawn(place)
    assert not (place.path / "volumes/recorded").exists()


def test_a_directory_that_nobody_knows_is_not_overwritten(place: Place) -> None:
    async def run() -> None:
        volumes = place.open()
        await volumes.create("data")
        (place.path / "volumes/lost/_data").mkdir(parents=True)
        (place.path / "volumes/lost/_data/file").write_text("precious")
        with pytest.raises(Conflict, match="no volume on record"):
            await Transfers(volumes).clone("data", "lost")
        assert await names(volumes) == ["data"]
        assert (place.path / "volumes/lost/_data/file").read_text() == "precious"

    asyncio.run(run())
