"""Work beside the event loop: long work that ends early when nobody wants it any more, and work that may never end."""

import asyncio
import os
import threading
from _thread import start_new_thread
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakValueDictionary

Result = TypeVar("Result")
#: Asked now and then during a long piece of work: True ends it early with an EngineError.
Stopped = Callable[[], bool]


class Runner(Protocol):
    """Runs work in a thread."""

    def __call__(self, work: Callable[[], Result], /) -> Coroutine[Any, Any, Result]: ...


async def in_thread(work: Callable[[Stopped], Result], run: Runner = asyncio.to_thread) -> Result:
    """Runs `work` aside. Who is cancelled waits until it has really ended: nothing goes on behind his back."""
    stop = threading.Event()
    running = asyncio.ensure_future(run(lambda: work(stop.is_set)))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:
                continue
        if not running.cancelled():
            running.exception()  # seen: it is the cancellation that counts
        raise


class Aside:
    """Threads for work that a file system may never answer, such as one of a server that hangs.

    For one place it is done in the order that it was asked for. Who asks about another one does not wait for it, nor
    does the end of the daemon.
    """

    #: Threads at once, for all places: nobody shall fill the daemon with them.
    MOST: Final = 256

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(self.MOST)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def at(self, place: str) -> Runner:
        """The runner for what is at `place`, a path or another name that stands for it."""

        async def run(work: Callable[[], Result], /) -> Result:
            return await self._run(place, work)

        return run

    async def _run(self, place: str, work: Callable[[], Result]) -> Result:
        turn = self._turns.get(place)
        if turn is None:
            turn = self._turns[place] = asyncio.Lock()
        await turn.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            turn.release()
            raise
        try:
            ended = _started(work)
        except BaseException:  # there can be no more threads now
            self._all.release()
            turn.release()
            raise

        def give_back(ended: "asyncio.Future[Result]") -> None:
            turn.release()
            self._all.release()
            ended.exception()  # seen, also where nobody waits any more

        ended.add_done_callback(give_back)
        return await asyncio.shield(ended)


def _started(work: Callable[[], Result]) -> "asyncio.Future[Result]":
    """What comes of `work`, which runs in a thread of its own that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            tell = partial(ended.set_result, work())
        except BaseException as error:
            tell = partial(ended.set_exception, error)
        with suppress(RuntimeError):  # the loop has ended, and who waited with it
            loop.call_soon_threadsafe(tell)

    start_new_thread(run, ())
    return ended


async def opened_aside(work: Callable[[], int], held: AsyncExitStack, run: Runner) -> int:
    """The descriptor that `work` opens in a thread. `held` closes it, also when who waits is cancelled meanwhile."""
    opening = asyncio.ensure_future(run(work))

    async def close() -> None:
        await asyncio.wait((opening,))
        if opening.exception() is None:
            os.close(opening.result())

    held.push_async_callback(close)
    return await asyncio.shield(opening)
