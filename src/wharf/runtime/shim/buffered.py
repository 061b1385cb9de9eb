"""A log file that never holds its container back, however slow its disk is: the mode "non-blocking"."""

import _thread
from collections import deque
from typing import Final

from wharf.runtime.shim.logfile import Log

#: How long the end of the container waits for its log.
_END_LIMIT: Final = 2.0  # seconds
#: Stands in the queue where the log is to be cleared.
_CLEAR: Final = (0, b"", b"")


class BufferedLog:
    """Queues output for a thread, which lives as long as there is something to write."""

    is_full = False

    def __init__(self, log: Log, room: int) -> None:
        """`room` is what may wait, in bytes. The newest is lost where there is none, as with dockerd."""
        self._log = log
        self._room = room
        self._lock = _thread.allocate_lock()  # of all that follows
        self._queue: deque[tuple[int, bytes, bytes]] = deque()
        self._size = 0
        self._writing = _thread.allocate_lock()  # held while the thread lives
        self._ending = False
        self._dropped = 0

    @property
    def is_idle(self) -> bool:
        return not self._writing.locked()

    @property
    def lost(self) -> int:
        return self._log.lost + self._dropped

    def write(self, stream: int, data: bytes) -> None:
        with self._lock:
            if self._queue and self._size + len(data) > self._room:
                self._dropped += len(data)
                return
            self._queue.append((stream, data, self._log.clock()))
            self._size += len(data)
            self._begin()

    def clear(self) -> None:
        """Also drops what waits; the file is cleared when the thread comes to it."""
        with self._lock:
            self._queue.clear()
            self._queue.append(_CLEAR)
            self._size = 0
            self._begin()

    def finish(self) -> None:
        with self._lock:
            self._ending = True
            self._begin()
        # Who is told of the container's end finds the log complete, unless its disk hangs.
        if self._writing.acquire(True, _END_LIMIT):
            self._writing.release()

    def _begin(self) -> None:
        if self._writing.acquire(False):
            _thread.start_new_thread(self._work, ())

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    if self._ending:
                        self._log.finish()
                    self._writing.release()
                    return
                stream, data, time = self._queue.popleft()
                self._size -= len(data)
            try:
                if stream:
                    self._log.write(stream, data, time)
                else:
                    self._log.clear()
            except OSError:
                pass  # this disk does not even take away; what is written next may find it better
