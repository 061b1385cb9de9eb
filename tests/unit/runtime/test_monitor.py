"""Monitors of shims that an earlier daemon has started."""

import asyncio
from pathlib import Path

import pytest

from wharf.runtime.monitor import SHIM_DIED, ShimMonitor
from wharf.runtime.shim_connection import unconnected

STARTED = {"pid": 4711, "started": "2026-01-01T00:00:00.000000000Z", "cgroup": "/none"}


def test_a_search_that_failed_is_made_again(tmp_path: Path) -> None:
    async def body() -> None:
        bundle = tmp_path / "bundle"
        bundle.touch()  # no directory: opening it fails, as it does with too many open files
        monitor = ShimMonitor("c", bundle, unconnected(), "crun")
        monitor.know(STARTED)
        for _ in range(2):
            with pytest.raises(NotADirectoryError):
                await monitor.found()
        bundle.unlink()
        await monitor.found()
        status = await asyncio.wait_for(monitor.wait(), 10)
        assert (status.code, status.error) == (137, SHIM_DIED)
        monitor.close()

    asyncio.run(body())
