"""The process that forks shims, and the one shim that it keeps waiting."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.engine import wait_until
from kernel.runtime.conftest import Box
from wharf.errors import EngineError
from wharf.runtime.monitor import ShimMonitors

pytestmark = pytest.mark.kernel


def with_monitors(work: Callable[[ShimMonitors], Coroutine[Any, Any, None]]) -> list[int]:
    """The processes of the spawner at the end of `work`; all have ended when this returns."""

    async def whole() -> list[int]:
        monitors = ShimMonitors()
        try:
            await work(monitors)
            return [monitors._spawner.pid, *await waiting(monitors._spawner.pid)]
        finally:
            await monitors.close()

    pids = asyncio.run(asyncio.wait_for(whole(), 60))
    wait_for_end(pids)
    return pids


def wait_for_end(pids: Sequence[int]) -> None:
    wait_until(lambda: not any(map(is_alive, pids)), "all have ended")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def directory_of(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:  # it has just ended
        return ""


async def waiting(spawner: int) -> list[int]:
    """The shim that waits for the next launch, and its starter."""
    for _ in range(3000):
        for shim in children(spawner):
            # Those of running containers have done with their starters.
            if (starters := children(shim)) and directory_of(shim) == "/":
                return [shim, *starters]
        await asyncio.sleep(0.01)
    raise AssertionError("no shim is waiting")


async def run(monitors: ShimMonitors, box: Box) -> None:
    launch = box.launch("true")
    monitor = await monitors.create(launch)
    await monitor.run()
    assert (await monitor.wait()).code == 0
    monitor.close()


def test_a_waiting_shim_ends_with_the_spawner(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        await waiting(monitors._spawner.pid)
        await run(monitors, box)

    assert len(with_monitors(work)) == 3


def test_the_launch_is_taken_by_the_shim_that_waits(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        shim, _ = await waiting(monitors._spawner.pid)
        monitor = await monitors.create(box.launch("sleep", "100"))
        assert monitor.shim_pid == shim
        await monitor.run()
        await monitor.signal(signal.SIGKILL)
        await monitor.wait()

    with_monitors(work)


@pytest.mark.parametrize("victim", ["shim", "starter"])
def test_another_shim_waits_when_one_was_killed(box: Box, victim: str) -> None:
    async def work(monitors: ShimMonitors) -> None:
        shim, starter = await waiting(monitors._spawner.pid)
        os.kill(shim if victim == "shim" else starter, signal.SIGKILL)
        wait_for_end([shim, starter])
        await run(monitors, box)

    with_monitors(work)


def test_a_killed_spawner_is_replaced_and_its_waiting_shim_does_not_stay(box: Box) -> None:
    left = []

    async def work(monitors: ShimMonitors) -> None:
        spawner = monitors._spawner.pid
        left.extend(await waiting(spawner))
        os.kill(spawner, signal.SIGKILL)
        for _ in range(3):  # the first may still be served by the shim that waited
            await run(monitors, box)
        assert monitors._spawner.pid != spawner

    with_monitors(work)
    wait_for_end(left)


def test_a_launch_that_a_killed_spawner_had_in_its_hands_goes_to_the_next(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        spawner = monitors._spawner.pid
        await waiting(spawner)
        os.kill(spawner, signal.SIGSTOP)
        first = await monitors.create(box.launch("sleep", "100"))  # by the shim that waited; no other comes now
        lost = asyncio.create_task(run(monitors, box))
        await asyncio.sleep(0)
        os.kill(spawner, signal.SIGKILL)
        await lost
        await first.run()
        await first.signal(signal.SIGKILL)
        assert (await first.wait()).code == 137

    with_monitors(work)


def test_a_start_whose_starter_is_killed_fails_and_leaves_no_process(box: Box) -> None:
    slow = box.path / "slow-runtime"
    began = box.path / "began"
    slow.write_text(f"#!/bin/sh\ntouch {began}; exec sleep 1000\n")
    slow.chmod(0o755)

    async def work(monitors: ShimMonitors) -> None:
        _, starter = await waiting(monitors._spawner.pid)
        launch = box.launch("sleep", "100", runtime=str(slow))
        monitor = await monitors.create(launch)
        started = asyncio.create_task(monitor.run())
        await asyncio.sleep(0)
        wait_until(began.exists, "the runtime is at work")
        os.kill(starter, signal.SIGKILL)
        with pytest.raises(EngineError, match="shim died"):
            await started
        monitor.close()
        box.wait_for_shims()
        await monitors.remove(launch.bundle)
        box.assert_clean(launch)

    with_monitors(work)


def test_many_at_once_each_get_a_shim(box: Box) -> None:
    async def work(monitors: ShimMonitors) -> None:
        await asyncio.gather(*[run(monitors, box) for _ in range(12)])

    with_monitors(work)
