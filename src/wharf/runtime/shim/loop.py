"""An event loop of descriptors and one deadline: all that a shim needs."""

import select
import time
from collections.abc import Callable
from typing import Final

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
GONE: Final = select.EPOLLHUP | select.EPOLLERR

Callback = Callable[[int], None]  # gets the events that are true


class Loop:
    """Calls back when descriptors are ready. A callback may watch and forget any descriptor."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._watched: dict[int, tuple[int, Callback]] = {}
        self._forgotten: set[int] = set()  # in this turn

    def watch(self, fd: int, events: int, callback: Callback) -> None:
        """Calls `callback` whenever one of `events` is true. GONE is always told, also for events 0."""
        known = self._watched.get(fd)
        if known is None:
            self._poll.register(fd, events)
        elif known[0] != events:
            self._poll.modify(fd, events)
        self._watched[fd] = (events, callback)

    def forget(self, fd: int) -> None:
        """Ends watch(). To be called before the descriptor is closed; harmless when it is not watched."""
        if self._watched.pop(fd, None) is not None:
            self._poll.unregister(fd)
            self._forgotten.add(fd)

    def turn(self, until: float | None = None) -> bool:
        """Waits for events and calls back; False when time.monotonic() has reached `until` before."""
        wait = -1.0 if until is None else max(0.0, until - time.monotonic())
        ready = self._poll.poll(wait)
        self._forgotten.clear()
        for fd, events in ready:
            # An earlier callback of this turn may have forgotten the file, and the number may be another's by now.
            if fd not in self._forgotten:
                self._watched[fd][1](events)
        return bool(ready)

    def close(self) -> None:
        """Forgets all."""
        self._poll.close()
        self._watched.clear()
