"""What may be done with a plugin in which state. What makes plugins of archives is in the tests from outside."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from harness.plugin_runner import Runner
from wharf.db.database import Database
from wharf.distribution.config import RegistryConfig
from wharf.engine.plugins.files import PluginFiles
from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.engine.plugins.service import ManagedPlugins
from wharf.engine.plugins.store import PluginStore
from wharf.errors import Conflict, EngineError
from wharf.events.bus import Bus
from wharf.spec.digest import Digest
from wharf.spec.plugin_config import PluginConfig

BLOB = str(Digest.of(b""))


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def plugins(tmp_path: Path, runner: Runner) -> ManagedPlugins:
    """One plugin, "p"."""
    files = PluginFiles(PluginPlaces(tmp_path / "plugins", tmp_path / "run"))
    with files.intake() as scratch:
        (scratch / "rootfs").mkdir()
        files.keep(scratch / "rootfs", "1" * 64)
    store = PluginStore(Database(tmp_path / "db"))
    store.put(PluginRecord("1" * 64, "p:latest", PluginConfig(), BLOB, BLOB, BLOB))
    return ManagedPlugins(store, files, runner, Bus(), RegistryConfig())


def refusal(work: object) -> str:
    with pytest.raises(Conflict) as found:
        asyncio.run(work)  # type: ignore[arg-type]
    return str(found.value)


def told(plugins: ManagedPlugins) -> list[str]:
    with plugins.events.subscribe(since_ns=0, until_ns=1 << 62) as found:
        return [event.action for event in found._queue]


def test_a_plugin_is_enabled_and_disabled_once(plugins: ManagedPlugins, runner: Runner) -> None:
    asyncio.run(plugins.enable("p"))
    assert plugins.inspect("p").enabled and runner.running == {"p:latest"}
    assert refusal(plugins.enable("p")) == "plugin already enabled: plugin p:latest is enabled"
    asyncio.run(plugins.disable("p"))
    assert not plugins.inspect("p").enabled and not runner.running
    assert refusal(plugins.disable("p")) == "plugin is already disabled: plugin p:latest found but disabled"
    assert told(plugins) == ["enable", "disable"]


def test_what_does_not_start_stays_disabled(plugins: ManagedPlugins, runner: Runner) -> None:
    runner.fault = "no such program"
    with pytest.raises(EngineError, match="no such program"):
        asyncio.run(plugins.enable("p"))
    assert not plugins.inspect("p").enabled and told(plugins) == []


def test_what_cannot_be_recorded_does_not_run(plugins: ManagedPlugins, runner: Runner) -> None:
    with plugins.store._db.write() as db:
        db.execute("CREATE TRIGGER full BEFORE UPDATE ON plugins BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    with pytest.raises(sqlite3.Error, match="the disk is full"):
        asyncio.run(plugins.enable("p"))
    assert not plugins.inspect("p").enabled and not runner.running and told(plugins) == []


def test_what_cannot_be_ended_stays_enabled(plugins: ManagedPlugins, runner: Runner) -> None:
    asyncio.run(plugins.enable("p"))
    runner.fault = "it hangs"
    with pytest.raises(EngineError, match="it hangs"):
        asyncio.run(plugins.disable("p"))
    assert plugins.inspect("p").enabled


def test_a_plugin_in_use_is_neither_disabled_nor_removed(plugins: ManagedPlugins, runner: Runner) -> None:
    asyncio.run(plugins.enable("p"))
    runner.used = True
    assert refusal(plugins.disable("p")) == "plugin p:latest is in use"
    assert refusal(plugins.remove("p")) == "plugin p:latest is in use"
    asyncio.run(plugins.disable("p", force=True))
    assert not runner.running


def test_an_enabled_plugin_is_removed_by_force_only(plugins: ManagedPlugins, runner: Runner) -> None:
    asyncio.run(plugins.enable("p"))
    assert refusal(plugins.remove("p")) == "plugin p:latest is enabled"
    asyncio.run(plugins.remove("p", force=True))
    assert plugins.list({}) == [] and not runner.running
    assert not plugins.files._places.directory("1" * 64).exists()
    assert told(plugins) == ["enable", "remove"]


def test_an_enabled_plugin_is_neither_upgraded_nor_configured(plugins: ManagedPlugins) -> None:
    asyncio.run(plugins.enable("p"))
    upgrade = plugins.upgrade("p", "p:2", [], None, lambda progress: None)
    assert refusal(upgrade) == "plugin must be disabled before upgrading: plugin p:latest is enabled"
    with pytest.raises(EngineError, match=r"^cannot set on an active plugin, disable plugin before setting$"):
        asyncio.run(plugins.set("p", ["A=1"]))


def test_a_new_engine_runs_what_is_enabled(plugins: ManagedPlugins, runner: Runner) -> None:
    (one,) = plugins.store
    plugins.store.put(replace(one, id="2" * 64, name="q:latest"))
    asyncio.run(plugins.enable("q"))
    asyncio.run(plugins.open())
    assert runner.restored == ["q:latest"]


def test_a_registry_that_hangs_is_in_nobodys_way(plugins: ManagedPlugins) -> None:
    async def run() -> None:
        asked = asyncio.Event()
        server = await asyncio.start_server(lambda reader, writer: asked.set(), "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        waiting = asyncio.create_task(plugins.upgrade("p", f"{address}/p", [], None, lambda progress: None))
        await asked.wait()
        await plugins.enable("p")
        await plugins.remove("p", force=True)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        server.close()

    asyncio.run(run())
    assert plugins.list({}) == []
