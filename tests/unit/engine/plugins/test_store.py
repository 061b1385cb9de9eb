"""Records of plugins outlive the engine that made them."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from wharf.db.database import Database
from wharf.engine.plugins.record import PluginRecord
from wharf.engine.plugins.store import PluginStore
from wharf.spec.plugin_config import PluginConfig, PluginEnv, PluginSettings


def record(id: str, name: str) -> PluginRecord:
    config = PluginConfig(env=(PluginEnv(name="A", value="1"),), propagated_mount="/m")
    return PluginRecord(id, name, config, "sha256:c", "sha256:m", "sha256:l", settings=PluginSettings.of(config))


def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    store = PluginStore(Database(tmp_path / "db"))
    store.put(record("2", "b:latest"))
    store.put(record("1", "c:latest"))
    store.put(record("3", "a:latest"))
    store.put(replace(record("2", "b:latest"), enabled=True))
    store.remove("3")
    again = PluginStore(Database(tmp_path / "db"))
    assert list(again) == list(store) == [replace(record("2", "b:latest"), enabled=True), record("1", "c:latest")]


def test_a_name_has_one_plugin(tmp_path: Path) -> None:
    store = PluginStore(Database(tmp_path / "db"))
    store.put(record("1", "a:latest"))
    with pytest.raises(sqlite3.IntegrityError):
        store.put(record("2", "a:latest"))
    assert [one.id for one in store] == ["1"]
