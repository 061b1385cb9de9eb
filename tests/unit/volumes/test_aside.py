"""Work on places that may never answer is in nobody else's way."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from wharf.volumes import threads
from wharf.volumes.threads import Aside, in_thread


def bounded(test: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def test_a_place_that_hangs_delays_no_other() -> None:
    async def test() -> None:
        aside, hangs, answer = Aside(), threading.Event(), threading.Event()
        begun: list[int] = []

        def hang() -> bool:
            begun.append(1)
            hangs.set()
            return answer.wait()

        hung = [asyncio.create_task(aside.at("hung")(hang)) for _ in range(Aside.MOST + 10)]
        await asyncio.sleep(0)
        await asyncio.to_thread(hangs.wait)
        assert await aside.at("other")(lambda: 5) == 5
        assert len(begun) == 1, "more threads than one wait for it"
        answer.set()
        assert await asyncio.gather(*hung) == [True] * len(hung)

    bounded(test)


def test_one_after_the_other_for_a_place_also_where_who_asked_is_gone() -> None:
    async def test() -> None:
        aside, begun, answer = Aside(), threading.Event(), threading.Event()
        order: list[str] = []

        def first() -> None:
            begun.set()
            answer.wait()
            order.append("first")

        asking = asyncio.create_task(aside.at("place")(first))
        await asyncio.to_thread(begun.wait)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        def second() -> None:
            order.append("then")

        then = asyncio.create_task(aside.at("place")(second))
        await asyncio.sleep(0.01)
        assert order == []
        answer.set()
        await then
        assert order == ["first", "then"]

    bounded(test)


def test_what_the_work_raises_comes_back() -> None:
    async def test() -> None:
        def work() -> None:
            raise OSError(5, "that is it")

        with pytest.raises(OSError, match="that is it"):
            await Aside().at("place")(work)

    bounded(test)


def test_long_work_is_told_to_stop_there_too() -> None:
    async def test() -> None:
        begun = threading.Event()

        def work(stopped: Callable[[], bool]) -> None:
            begun.set()
            while not stopped():
                pass

        asking = asyncio.create_task(in_thread(work, Aside().at("place")))
        await asyncio.to_thread(begun.wait)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    bounded(test)


def test_a_place_is_free_again_where_no_thread_could_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(work: object, arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    async def test() -> None:
        aside = Aside()
        with monkeypatch.context() as patched:
            patched.setattr(threads, "start_new_thread", refused)
            for _ in range(Aside.MOST + 1):
                with pytest.raises(RuntimeError):
                    await aside.at("place")(lambda: 1)
        assert await aside.at("place")(lambda: 5) == 5

    bounded(test)
