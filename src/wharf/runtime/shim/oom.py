"""Whether the kernel killed a process of the container for want of memory."""

import os
import select
from typing import Final

from wharf.linux import cgroups
from wharf.runtime.shim.loop import READ, Loop

#: What watch() gives, as the shim gets it.
TELLING: Final = "memory"
EVENTS: Final = "memory_events"
ABOVE: Final = "memory_events_above"


def watch(group: str) -> dict[str, int]:
    """The descriptors with which a shim is told of want of memory as it comes; none where that cannot be.

    Only for a group that systemd made: that is removed once its last process has ended, and its numbers with it.
    Others are there until the shim has looked at them. The numbers of the slice above count those below it too, and
    stay.
    """
    if not cgroups.is_own(group) or cgroups.version() != cgroups.V2:
        return {}
    own = {}
    for name, path in ((EVENTS, group), (ABOVE, slice_of(group))):
        try:
            own[name] = os.open(cgroups.memory_events(path), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            pass  # it has ended already, or nothing counts memory here: the root has no numbers
    if EVENTS not in own:
        if ABOVE in own:
            os.close(own[ABOVE])
        return {}
    # The files always count as readable, and tell a change as urgent. An epoll in between tells nothing else.
    poll = select.epoll()
    for fd in own.values():
        poll.register(fd, select.EPOLLPRI)
    own[TELLING] = os.dup(poll.fileno())
    poll.close()
    kills(own[EVENTS])  # changes are told from here
    return own


def slice_of(group: str) -> str:
    """The group above the scope that systemd made; an OCI runtime may have made another below that."""
    above = group
    while above and not above.endswith(".slice"):
        above = above.rpartition("/")[0]
    return above


def kills(events: int) -> "tuple[int, int]":
    """How often memory was wanted, and how often the kernel killed for it; -1 when the group has gone."""
    try:
        text = os.pread(events, 4096, 0).decode()
    except OSError:
        return -1, -1
    return cgroups.count(text, "oom"), cgroups.count(text, "oom_kill")


def kills_in_slice(own: dict[str, int]) -> int:
    """Those of all containers beside this one, so far; -1 where nobody counts."""
    return kills(own.get(ABOVE, -1))[1]


class OutOfMemory:
    """Looks at the end, and whenever watch() tells.

    The kernel tells changes not more often than every 10 ms, so the last may be missed: a container that was killed
    when it had found no memory was killed for that. And systemd may remove the group before we have looked. Then the
    slice tells: a container that was killed, when the kernel had killed for want of memory somewhere in the slice since
    our last look, was killed for that. Every kill wakes us, so that is a matter of milliseconds.
    """

    def __init__(self, loop: Loop, group: str, own: dict[str, int], kills_in_slice: int) -> None:
        """`kills_in_slice` is what kills_in_slice() gave when the container started."""
        self._loop = loop
        self._group = group
        self._killed = False
        self._wanting = False
        self._telling = own.get(TELLING, -1)
        self._events = own.get(EVENTS, -1)
        self._above = own.get(ABOVE, -1)
        self._explained = kills_in_slice  # those that we know not to be of a group that has gone
        if self._events >= 0:
            loop.watch(self._telling, READ, self._look)

    def _look(self, _events: int) -> None:
        # First the slice: a kill between the two is then one that is still to be explained.
        in_slice = kills(self._above)[1]
        wanted, killed = kills(self._events)
        if wanted >= 0:
            self._wanting, self._killed = wanted > 0, killed > 0
            self._explained = in_slice
            return
        self._wanting = self._wanting or 0 <= self._explained < in_slice
        self._close()

    def ran_out(self, *, killed: bool) -> bool:
        """The answer after the end of the container's init, which was `killed` by SIGKILL or not."""
        if self._events >= 0:
            self._look(0)
        self._close()
        return self._killed or cgroups.was_out_of_memory(self._group) or (killed and self._wanting)

    def _close(self) -> None:
        if self._events >= 0:
            self._loop.forget(self._telling)
            for fd in (self._telling, self._events, self._above):
                if fd >= 0:
                    os.close(fd)
            self._events = -1
