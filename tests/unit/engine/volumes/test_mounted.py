"""Who has a volume mounted, when engines die and drivers fail."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from wharf.db.database import Database
from wharf.engine.locks import Locks
from wharf.engine.volumes.drivers import Drivers
from wharf.engine.volumes.mounted import Mounted
from wharf.engine.volumes.record import Volume
from wharf.engine.volumes.store import VolumeStore
from wharf.errors import EngineError
from wharf.plugins.client import PluginSilent
from wharf.volumes.contract import Options


class Driver:
    """Remembers who has what, as a plugin does; fails when told to."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.last: list[bool] = []
        self.error: EngineError | None = None

    def needs_mount(self, options: Options) -> bool:
        return True

    async def mount(self, name: str, options: Options, user: str) -> str:
        if self.error:
            raise self.error
        self.users.add(user)
        return "/mounted"

    async def unmount(self, name: str, options: Options, user: str, *, last: bool) -> None:
        if self.error:
            raise self.error
        self.users.discard(user)
        self.last.append(last)


class House:
    def __init__(self, path: Path) -> None:
        self.path, self.driver = path, Driver()
        self.volume = Volume("vol", "fake", "/mounted", "")
        self.mounted = self.open()
        self.store.add(self.volume)

    def open(self) -> Mounted:
        """As the next engine after one that died."""
        driver = self.driver

        class Fake:
            async def get(self, name: str) -> Driver:
                return driver

        db = Database(self.path / "db")
        self.store = VolumeStore(db)
        self.mounted = Mounted(db, self.store, cast(Drivers, Fake()), Locks())
        return self.mounted

    async def settle(self, runs: Callable[[str], bool]) -> None:
        self.mounted.settle(runs)
        if self.mounted._settling:
            await self.mounted._settling


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_only_the_last_user_unmounts(house: House) -> None:
    async def run() -> None:
        house.mounted.settle(lambda id: True)
        for user in ("a", "b"):
            await house.mounted.mount(house.volume, user)
        assert house.mounted.paths() == ["/mounted"]
        for user in ("a", "a", "b"):
            await house.mounted.give_back("vol", user)

    asyncio.run(run())
    assert house.driver.last == [False, True] and house.driver.users == set() and house.mounted.paths() == []


def test_the_next_engine_gives_back_for_who_does_not_run(house: House) -> None:
    async def run() -> None:
        for user in ("runs", "ended"):
            await house.mounted.mount(house.volume, user)
        house.open()
        # Told while the engine opens, when no driver is asked.
        await house.mounted.give_back("vol", "ended")
        assert house.driver.users == {"runs", "ended"}
        await house.settle(lambda id: id == "runs")

    asyncio.run(run())
    assert house.driver.users == {"runs"}


def test_who_starts_again_meanwhile_keeps_its_mount(house: House) -> None:
    async def run() -> None:
        await house.mounted.mount(house.volume, "again")
        house.open()
        house.mounted.settle(lambda id: False)
        await house.mounted.mount(house.volume, "again")
        assert house.mounted._settling
        await house.mounted._settling

    asyncio.run(run())
    assert house.driver.users == {"again"} and house.mounted.paths() == ["/mounted"]


def test_what_was_refused_is_not_on_record_and_what_is_unknown_is(house: House) -> None:
    async def run(error: EngineError) -> None:
        house.driver.error = error
        with pytest.raises(EngineError):
            await house.mounted.mount(house.volume, "c")

    asyncio.run(run(EngineError("no")))
    assert house.mounted.paths() == []
    asyncio.run(run(PluginSilent("nothing was heard")))
    assert house.mounted.paths() == ["/mounted"]


def test_what_could_not_be_given_back_is_tried_by_the_next_engine(house: House) -> None:
    async def run() -> None:
        house.mounted.settle(lambda id: True)
        await house.mounted.mount(house.volume, "c")
        house.driver.error = PluginSilent("dead")
        await house.mounted.give_back("vol", "c")
        house.driver.error = None
        house.open()
        await house.settle(lambda id: False)

    asyncio.run(run())
    assert house.driver.users == set() and house.mounted.paths() == []
