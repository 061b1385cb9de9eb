import asyncio

import pytest

from wharf.apitypes.jsonmessage import Progress, Report, ignore
from wharf.engine.images.sharing import Shared


def test_work_is_done_once_and_everyone_hears_of_it() -> None:
    async def run() -> None:
        shared: Shared[str, int] = Shared()
        go = asyncio.Event()
        runs = 0

        async def work(report: Report) -> int:
            nonlocal runs
            runs += 1
            report(Progress("half"))
            await go.wait()
            report(Progress("done"))
            return 7

        heard: list[list[str]] = [[], []]
        one = asyncio.create_task(shared.join("k", work, lambda line: heard[0].append(line.status)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        two = asyncio.create_task(shared.join("k", work, lambda line: heard[1].append(line.status)))
        await asyncio.sleep(0)
        go.set()
        assert (await one, await two, runs) == (7, 7, 1)
        assert heard == [["half", "done"], ["half", "done"]]
        assert shared.running("k") is None

    asyncio.run(run())


def test_it_ends_with_the_last_who_waits() -> None:
    async def run() -> None:
        shared: Shared[str, None] = Shared()
        ended = asyncio.Event()

        async def work(report: Report) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        one, two = (asyncio.create_task(shared.join("k", work, ignore)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        assert not ended.is_set() and shared.running("k") is not None
        two.cancel()
        with pytest.raises(asyncio.CancelledError):
            await two
        assert ended.is_set() and shared.running("k") is None

    asyncio.run(run())


def test_a_failure_reaches_all() -> None:
    async def run() -> None:
        shared: Shared[str, None] = Shared()

        async def work(report: Report) -> None:
            await asyncio.sleep(0)
            raise OSError("broken")

        results = await asyncio.gather(*(shared.join("k", work, ignore) for _ in range(3)), return_exceptions=True)
        assert [str(result) for result in results] == ["broken"] * 3

    asyncio.run(run())
