"""Whether the kernel killed a process of the container for want of memory."""

import os
import select
from typing import Final

from wharf.linux import cgroups
from wharf.runtime.shim.loop import READ, Loop

#: What watch() gives, as the shim gets it.
TELLING: Final = "memory"
EVENTS: Final = "memory_events"


def watch(group: str) -> dict[str, int]:
    """The descriptors with which a shim is told of want of memory as it comes; none where that cannot be.

    Only for a group that systemd made: that is removed once its last process has ended, and its numbers with it.
    Others are there until the shim has looked at them.
    """
    if not cgroups.is_own(group) or cgroups.version() != cgroups.V2:
        return {}
    try:
        events = os.open(cgroups.memory_events(group), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return {}  # it has ended already, or nothing counts memory here
    # The file always counts as readable, and tells a change as urgent. An epoll in between tells nothing else.
    poll = select.epoll()
    poll.register(events, select.EPOLLPRI)
    telling = os.dup(poll.fileno())
    poll.close()
    try:
        os.pread(events, 4096, 0)  # changes are counted from here
    except OSError:
        pass  # gone: the shim will see that too
    return {TELLING: telling, EVENTS: events}


class OutOfMemory:
    """Looks at the end, and whenever watch() tells.

    The kernel tells changes not more often than every 10 ms, so the last may be missed: a container that was killed
    when it had found no memory was killed for that.
    """

    def __init__(self, loop: Loop, group: str, own: dict[str, int]) -> None:
        self._loop = loop
        self._group = group
        self._killed = False
        self._wanting = False
        self._telling = own.get(TELLING, -1)
        self._events = own.get(EVENTS, -1)
        if self._events >= 0:
            loop.watch(self._telling, READ, self._look)

    def _look(self, _events: int) -> None:
        try:
            text = os.pread(self._events, 4096, 0).decode()
        except OSError:  # the group has gone
            self._close()
            return
        self._killed = cgroups.count(text, "oom_kill") > 0
        self._wanting = cgroups.count(text, "oom") > 0

    def ran_out(self, *, killed: bool) -> bool:
        """The answer after the end of the container's init, which was `killed` by SIGKILL or not."""
        if self._events >= 0:
            self._look(0)
        self._close()
        return self._killed or cgroups.was_out_of_memory(self._group) or (killed and self._wanting)

    def _close(self) -> None:
        if self._events >= 0:
            self._loop.forget(self._telling)
            os.close(self._telling)
            os.close(self._events)
            self._events = -1
