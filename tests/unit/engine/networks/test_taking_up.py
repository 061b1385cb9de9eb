"""A container that ran on without a daemon is taken up while the API answers already."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from harness.records import recorded
from wharf.db.database import Database
from wharf.engine.config import EngineConfig
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks.resolvers import Resolvers
from wharf.engine.networks.sandboxes import Sandboxes
from wharf.engine.networks.service import Networks
from wharf.network.contract import Endpoint
from wharf.network.kernel import Kernel
from wharf.runtime.contract import Monitor


class Surroundings:
    """What a sandbox asks of networks, kernel and resolvers; each wait calls `meanwhile`."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.meanwhile = meanwhile

    def leads_out(self, *_: object) -> bool:
        return True

    def publishes(self, *_: object) -> bool:
        return True

    def opened(self, _: str) -> "Surroundings":
        return self

    def redirections(self, _: Endpoint) -> list[Any]:
        return []

    async def resume(self, *_: object) -> None:
        self.meanwhile()

    async def do_inside(self, *_: object) -> None:
        self.meanwhile()

    async def open(self, *_: object, **__: object) -> None:
        self.meanwhile()

    def ports(self, _: str) -> tuple[int, int]:
        return 5301, 5302


def test_what_others_record_meanwhile_stays(tmp_path: Path) -> None:
    db = Database(tmp_path / "db")
    store = ContainerStore(db)
    place = Endpoint("e", "c", "back", "veth0", "", "172.18.0.2", 16, "172.18.0.1", default_route=False)
    found = recorded(endpoints={"back": place})
    store.add(found)
    waits = []

    def restart() -> None:
        now = store.find("c")
        waits.append(now)
        store.update(now.with_(unfinished="restart", restart_count=now.restart_count + 1))

    around = Surroundings(restart)
    sandboxes = Sandboxes(EngineConfig(), cast(Networks, around), cast(Kernel, around), store, lambda _: tmp_path)
    sandboxes.resolvers = cast(Resolvers, around)
    asyncio.run(sandboxes._take_up(found, cast(Monitor, around), -1))
    now = store.find("c")
    assert now.endpoints["back"].default_route and now.resolver == (5301, 5302)
    assert (now.unfinished, now.restart_count) == ("restart", len(waits))
    db.close()
