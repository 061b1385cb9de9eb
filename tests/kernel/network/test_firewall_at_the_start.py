"""What an engine wants of the host's firewall when it starts, and cannot have yet."""

import asyncio
from pathlib import Path

import pytest

from harness.engine import wait_until
from harness.files import no_more_files
from harness.world import World, rules, run
from wharf.db.database import Database
from wharf.engine.config import BridgeConfig, EngineConfig
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks.service import Networks
from wharf.events.bus import Bus

pytestmark = pytest.mark.kernel


def test_the_users_table_comes_when_there_is_room(world: World, tmp_path: Path) -> None:
    async def body() -> None:
        db = Database(tmp_path / "db")
        config = EngineConfig(data_root=tmp_path, bridge=BridgeConfig(name="none"))
        networks = Networks(db, config, world.kernel(), ContainerStore(db), Bus())
        with no_more_files(room=4):  # enough for the watch
            await networks.open()
        assert rules() == ""
        await asyncio.to_thread(wait_until, lambda: "table inet wharf_user" in rules(), "users may write rules")
        await networks.close()
        db.close()

    run(body)
