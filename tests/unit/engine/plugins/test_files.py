"""The directories of plugins, whenever the engine died."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wharf.engine.plugins.files import PluginFiles
from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.spec.digest import Digest
from wharf.spec.plugin_config import PluginConfig

ID = "1" * 64
CONFIG, MANIFEST, LAYER = (str(Digest.of(part)) for part in (b"config", b"manifest", b"layer"))
OLD = PluginRecord(ID, "p:latest", PluginConfig(), CONFIG, MANIFEST, LAYER)
NEW = replace(OLD, revision="2")  # of the same layer: what the old one has written since is not lost for nothing


class House:
    """One data-root, in which an engine is opened several times."""

    def __init__(self, root: Path) -> None:
        self.places = PluginPlaces(root / "plugins", root / "run")

    def opened(self, *plugins: PluginRecord) -> PluginFiles:
        files = PluginFiles(self.places)
        files.open(plugins)
        return files

    def rootfs(self, files: PluginFiles, text: str) -> Path:
        """A root file system that tells its version, on its way in."""
        with files.intake() as scratch:
            made = scratch.parent / f"kept-{text}"
            made.mkdir()
            made.joinpath("version").write_text(text)
            return made

    @property
    def version(self) -> str:
        return (self.places.rootfs(ID) / "version").read_text()

    def left(self) -> set[str]:
        """All that is there when the deletions in the background have had their time."""
        deadline = time.monotonic() + 30
        going = [self.places.root / name for name in ("trash", "content/ingest")]
        while any(any(place.iterdir()) for place in going) and time.monotonic() < deadline:
            time.sleep(0.01)
        found = {str(path.relative_to(self.places.root)) for path in self.places.root.rglob("*")}
        return found - {"tmp", "trash", "content", "content/blobs", "content/blobs/sha256", "content/ingest"}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_an_engine_without_plugins_makes_nothing(house: House) -> None:
    house.opened().close()
    assert not house.places.root.exists()


def test_what_is_not_on_record_does_not_outlive_a_restart(house: House) -> None:
    files = house.opened()
    with files.intake() as scratch:
        (scratch / "half").mkdir()
        files.content.put(b"nobody's")
        files.keep(house.rootfs(files, "old"), ID)
        house.opened()  # a new engine, while the old one has not got any further
    assert house.left() == set()


def test_what_is_on_record_stays(house: House) -> None:
    files = house.opened()
    with files.intake():
        for part in (b"config", b"manifest", b"layer", b"other"):
            files.content.put(part)
        files.keep(house.rootfs(files, "old"), ID)
    files = house.opened(OLD)
    assert house.version == "old"
    assert all(files.content.has(Digest.of(part)) for part in (b"config", b"manifest", b"layer"))
    assert not files.content.has(Digest.of(b"other"))


def _die_before_the_record(files: PluginFiles, rootfs: Path) -> PluginRecord:
    files.prepare_upgrade(rootfs, NEW)
    return OLD


def _die_after_the_record(files: PluginFiles, rootfs: Path) -> PluginRecord:
    files.prepare_upgrade(rootfs, NEW)
    return NEW


def _die_in_the_exchange(files: PluginFiles, rootfs: Path) -> PluginRecord:
    files.prepare_upgrade(rootfs, NEW)
    (files._places.rootfs(ID)).rename(files._places.root / "trash" / "old")
    return NEW


def _die_at_the_end(files: PluginFiles, rootfs: Path) -> PluginRecord:
    files.prepare_upgrade(rootfs, NEW)
    files.finish_upgrade(NEW)
    return NEW


@pytest.mark.parametrize(
    ("death", "version"),
    [
        (_die_before_the_record, "old"),
        (_die_after_the_record, "new"),
        (_die_in_the_exchange, "new"),
        (_die_at_the_end, "new"),
    ],
)
def test_an_upgrade_is_whole_whenever_the_engine_dies(
    house: House, death: Callable[[PluginFiles, Path], PluginRecord], version: str
) -> None:
    files = house.opened()
    with files.intake():
        files.keep(house.rootfs(files, "old"), ID)
        recorded = death(files, house.rootfs(files, "new"))
    house.opened(recorded)
    assert house.version == version
    assert house.left() == {ID, f"{ID}/rootfs", f"{ID}/rootfs/version"}


def test_blobs_stay_while_somebody_may_need_them(house: House) -> None:
    files = house.opened()
    files.sweep([])  # nothing has ever been here
    with files.intake(), files.held():
        blob = files.content.put(b"for the other one")
        with files.intake():
            pass
        files.sweep([])
        assert files.content.has(blob)
    files.sweep([])
    assert not files.content.has(blob)
