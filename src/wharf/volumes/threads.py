"""Long work beside the event loop, which ends early when nobody wants it any more."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
#: Asked now and then during a long piece of work: True ends it early with an EngineError.
Stopped = Callable[[], bool]


async def in_thread(work: Callable[[Stopped], Result]) -> Result:
    """Runs `work` aside. Who is cancelled waits until it has really ended: nothing goes on behind his back."""
    stop = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(work, stop.is_set))
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
