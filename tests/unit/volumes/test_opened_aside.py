"""What is opened beside the event loop is closed, whoever leaves meanwhile."""

import asyncio
import os
import threading
from contextlib import AsyncExitStack

import pytest

from wharf.volumes.threads import opened_aside


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_descriptor_is_closed_with_what_holds_it(cancelled: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()
    opened: list[int] = []

    def work() -> int:
        begun.set()
        go_on.wait(10)
        opened.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        return opened[0]

    async def scenario() -> None:
        async with AsyncExitStack() as held:
            waiting = asyncio.create_task(opened_aside(work, held, asyncio.to_thread))
            await asyncio.to_thread(begun.wait, 10)
            if cancelled:
                waiting.cancel()
                await asyncio.wait((waiting,))
                assert waiting.cancelled()
                asyncio.get_running_loop().call_later(0.01, go_on.set)
            else:
                go_on.set()
                assert is_open(await waiting)
        assert len(opened) == 1 and not is_open(opened[0])

    asyncio.run(scenario())


def test_what_cannot_be_opened_is_told_and_leaves_nothing_to_close() -> None:
    def work() -> int:
        raise FileNotFoundError("gone")

    async def scenario() -> None:
        async with AsyncExitStack() as held:
            with pytest.raises(FileNotFoundError):
                await opened_aside(work, held, asyncio.to_thread)

    asyncio.run(scenario())
