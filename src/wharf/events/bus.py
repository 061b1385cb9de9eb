"""The bus: one publisher side, many readers, a bounded history."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Self

from wharf.events.event import Event
from wharf.events.filters import event_filter

_log = logging.getLogger(__name__)

HISTORY: Final = 256  # events that a new reader can ask back for; dockerd keeps as many
QUEUE: Final = 4096  # events that a reader may lag behind before it is let go


class Bus:
    """Where every part of the engine says what it did. Used from the event loop's thread only."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._readers: set[Subscription] = set()

    @property
    def listeners(self) -> int:
        return len(self._readers)

    def publish(self, type: str, action: str, id: str, attributes: Mapping[str, str] | None = None) -> Event:
        """Tells all readers. Never blocks and never fails for a reader's sake."""
        # A clock that was set back must not bring the history out of order.
        latest = self._history[-1].time_ns if self._history else 0
        kept = MappingProxyType(dict(attributes or {}))
        event = Event(type, action, id, kept, max(self._clock(), latest + 1))
        self._history.append(event)
        for reader in tuple(self._readers):
            reader.offer(event)
        return event

    def subscribe(
        self,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> "Subscription":
        """A reader of what comes from now on, after the events since `since_ns` that the history still holds.

        It hears from this call on. It ends at `until_ns`; when that is past, after the history. The caller closes it
        (it is a context manager). Raises InvalidArgument for an unknown filter.
        """
        wanted = event_filter(filters or {})
        past: list[Event] = []
        # An `until` alone asks for the history up to it, as with dockerd.
        if since_ns is not None or (until_ns is not None and until_ns <= self._clock()):
            past = [e for e in self._history if e.time_ns >= (since_ns or 0) and wanted(e)]
        if until_ns is not None:
            past = [e for e in past if e.time_ns <= until_ns]
        subscription = Subscription(past, wanted, until_ns, self._clock, self._readers.discard)
        self._readers.add(subscription)
        return subscription


class Subscription:
    """One reader: an async iterator over events, and a context manager that ends it."""

    def __init__(
        self,
        past: Sequence[Event],
        wanted: Callable[[Event], bool],
        until_ns: int | None,
        clock: Callable[[], int],
        leave: Callable[["Subscription"], None],
    ) -> None:
        self._queue: deque[Event] = deque(past)
        self._wanted = wanted
        self._until_ns = until_ns
        self._clock = clock
        self._leave = leave
        self._filled = asyncio.Event()
        self._closed = False
        self.lagged = False  # let go because it read too slowly

    def offer(self, event: Event) -> None:
        if self._closed or not self._wanted(event) or (self._until_ns is not None and event.time_ns > self._until_ns):
            return
        if len(self._queue) >= QUEUE:
            _log.warning("a reader of events is too slow and was let go", extra={"waiting": len(self._queue)})
            self.lagged = True
            self.close()
            return
        self._queue.append(event)
        self._filled.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed or not await self._filled_in_time():
                self.close()
                raise StopAsyncIteration
        return self._queue.popleft()

    async def _filled_in_time(self) -> bool:
        """Waits for an event or the end of the subscription; False when `until` has come."""
        self._filled.clear()
        if self._until_ns is None:
            await self._filled.wait()
            return True
        try:
            async with asyncio.timeout((self._until_ns - self._clock()) / 1e9):
                await self._filled.wait()
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Ends the iteration; what was received already can still be read."""
        self._closed = True
        self._leave(self)
        self._filled.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
