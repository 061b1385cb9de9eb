"""A lease is kept whatever goes wrong."""

import asyncio
from typing import Never

import pytest

from wharf.network.dhcp import keeper
from wharf.network.dhcp.exchange import Client
from wharf.network.dhcp.keeper import Keeper, Place
from wharf.network.dhcp.lease import Lease


def test_an_error_that_nobody_has_thought_of(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(keeper, "_SPREAD", 0.01)
    monkeypatch.setattr(keeper, "_LONGEST_PAUSE", 0.01)
    lease = Lease("192.0.2.2", 24, "", "192.0.2.1", "02:00:00:00:00:01", 0.0, 2**31, 2**30, 2**30 + 1, [], "")

    async def body() -> None:
        tries: asyncio.Queue[None] = asyncio.Queue()

        async def fails(*_: object) -> Never:
            tries.put_nowait(None)
            raise ZeroDivisionError

        place = Place("c", fails, fails, fails, lambda _: None)
        kept = Keeper(Client(b"\x01", ""), place, lease, patience=1, taken_up=True)
        for _ in range(3):
            await asyncio.wait_for(tries.get(), 20)
        await kept.stop()

    asyncio.run(body())
    assert "not kept as it should be" in caplog.text
