"""A repair of the firewall that fails is made again."""

import asyncio
import os
from typing import cast

import pytest

from wharf.errors import EngineError
from wharf.linux.nftables_events import FirewallEvents
from wharf.network import watching
from wharf.network.watching import FirewallWatch


class Events:
    """A host whose firewall changes when somebody writes into the pipe."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe2(os.O_NONBLOCK)

    def fileno(self) -> int:
        return self._read

    def read(self) -> None:
        os.read(self._read, 100)

    def close(self) -> None:
        os.close(self._read)
        os.close(self.write)


def test_a_repair_that_failed(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It is made again after each pause, then at the next change only; and told once."""
    monkeypatch.setattr(watching, "PATIENCE", 0.01)
    monkeypatch.setattr(watching, "PAUSES", (0.01,) * 3)
    failures = [EngineError("too many open files")] * 5

    async def body() -> None:
        tries: asyncio.Queue[bool] = asyncio.Queue()

        async def repair() -> None:
            tries.put_nowait(not failures)
            if failures:
                raise failures.pop()

        events = Events()
        watch = FirewallWatch(cast(FirewallEvents, events), repair)
        for expected in ([False] * 4, [False], [True]):
            os.write(events.write, b"changed")
            assert [await asyncio.wait_for(tries.get(), 20) for _ in expected] == expected
            await asyncio.sleep(0.1)
            assert tries.empty()
        await watch.close()

    asyncio.run(body())
    assert len(caplog.records) == 1
