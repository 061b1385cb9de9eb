"""Waiting for what only others can give, such as lent addresses, until who ends the container ends the wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wharf.errors import EngineError


class GivenUp(EngineError):
    """Nobody wants it any more."""

    def __init__(self) -> None:
        super().__init__("the wait was ended: the container has ended, or was stopped or removed")


class Waits:
    """Of all containers, of which each waits for one thing at a time. Of one event loop."""

    def __init__(self) -> None:
        self._timeouts: dict[str, asyncio.Timeout] = {}

    @asynccontextmanager
    async def until_given_up(self, container: str) -> AsyncIterator[None]:
        """The block is cut off by give_up(): it then raises GivenUp. `container` is an id."""
        timeout = asyncio.timeout(None)
        try:
            async with timeout:
                self._timeouts[container] = timeout
                try:
                    yield
                finally:
                    self._timeouts.pop(container, None)
        except TimeoutError:
            if timeout.expired():
                raise GivenUp from None
            raise

    def give_up(self, container: str) -> bool:
        """Ends the wait of a container. Returns whether there was one."""
        if (timeout := self._timeouts.pop(container, None)) is None:
            return False
        timeout.reschedule(0)  # in the past
        return True
