"""Clients that attached before a start: each is told, whatever happens to the others."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.records import recorded
from wharf.db.database import Database
from wharf.engine.config import EngineConfig
from wharf.engine.containers.attaching import Attachment, AttachOptions
from wharf.engine.containers.live import Live
from wharf.engine.containers.service import Containers
from wharf.engine.containers.starting import Starter
from wharf.engine.containers.store import ContainerStore
from wharf.errors import EngineError, NoSuchContainer
from wharf.events.bus import Bus
from wharf.runtime.contract import Monitor


class Refusing:
    """A monitor whose shim has just died."""

    async def attach(self, **wanted: Any) -> None:
        raise EngineError("the container has ended")


def test_all_early_attachments_end_when_the_first_cannot_be_connected() -> None:
    async def scenario() -> list[bytes]:
        live = Live("c")
        waiting = [Attachment(AttachOptions(stdout=True), tty=True) for _ in range(3)]
        live.early = list(waiting)
        with pytest.raises(EngineError):
            await Starter._connect_early(live, cast(Monitor, Refusing()))
        return [await asyncio.wait_for(attachment.read(), 60) for attachment in waiting]

    assert asyncio.run(scenario()) == [b"", b"", b""]


def test_who_attaches_while_a_container_is_removed_is_told(tmp_path: Path) -> None:
    """The removal has held the lock meanwhile: nobody would ever connect a client that waits for another start."""
    container = recorded("c" * 64)

    async def scenario() -> None:
        store = ContainerStore(database)
        store.add(container)
        nothing = cast(Any, SimpleNamespace(sources=None, mounting=None, userns=None))
        rest = dict.fromkeys(("places", "images", "snapshots", "networks", "volumes", "starter"), nothing)
        containers = Containers(config=EngineConfig(), store=store, events=Bus(), **rest)
        async with containers.lives.of(container).lock:
            attaching = asyncio.create_task(containers.attach("web", AttachOptions(stdout=True)))
            await asyncio.sleep(0)
            store.remove(container)
        with pytest.raises(NoSuchContainer):
            await attaching

    database = Database(tmp_path / "db")
    try:
        asyncio.run(scenario())
    finally:
        database.close()
