"""Tasks that nobody waits for: they are held until they end, and the log tells of those that end with an error."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class Tasks:
    """Of one service, until close()."""

    def __init__(self, failed: str, *, expected: tuple[type[Exception], ...] = ()) -> None:
        """`failed` is what the log says of an error, unless it is one that the service tells somebody itself."""
        self._failed = failed
        self._expected = expected
        self._running: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[None, None, T], name: str) -> "asyncio.Task[T]":
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, self._expected):
            log.error(self._failed, exc_info=error, extra={"task": task.get_name()})

    async def close(self) -> None:
        """Cuts off all that run."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
