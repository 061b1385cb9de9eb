# ruff: noqa: PTH123
# No pathlib: the shim loads this, and it would double its memory.
"""Processes by descriptor, and by number with their start time: both are safe against reused pids."""

import _signal  # type: ignore[import-not-found]
import errno
import os
import select
from typing import Final

#: PF_FORKNOEXEC in the kernel's include/linux/sched.h: born by fork, and no execve has succeeded since.
_FORKED: Final = 0x40
#: PF_EXITING, there too.
_EXITING: Final = 0x4
#: What runc calls the process that prepares a container, up to its execve.
_RUNC_INIT: Final = b"runc:[2:INIT]"


def _stat(task: int | str) -> tuple[bytes, list[bytes]] | None:
    """The name of a process, or of a thread ("pid/task/tid"), and the fields after it in its stat; None: it is gone."""
    try:
        with open(f"/proc/{task}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in brackets, and may hold blanks and brackets itself.
    end = text.rindex(b")")
    return text[text.index(b"(") + 1 : end], text[end + 2 :].split()


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of `pid`; 0 when there is no such process."""
    found = _stat(pid)
    return int(found[1][19]) if found else 0


def runs_program(pid: int) -> bool | None:
    """Whether `pid`, which an OCI runtime has made to become a container's process, runs the container's program.

    None is "not yet". Also of a zombie it is known what it ran; what has gone altogether did run.
    """
    if (found := _stat(pid)) is None:
        return True
    name, fields = found
    # crun's is a fork of itself. runc's is a program of its own, whose name the kernel replaces at the next execve.
    if not int(fields[6]) & _FORKED and name != _RUNC_INIT:
        return True
    return False if fields[0] in (b"Z", b"X") else None


def is_ending(pid: int) -> bool:
    """Whether `pid` has begun to end, or has. The init of a pid namespace kills all others there before it has."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except (FileNotFoundError, ProcessLookupError):
        return True
    # All of them: the first may end long before the others.
    found = (_stat(f"{pid}/task/{thread}") for thread in threads)
    return all(one is None or int(one[1][6]) & _EXITING for one in found)


def open_same(pid: int, started: int) -> int | None:
    """A descriptor of process `pid` if it is still the one that started at `started`; the caller closes it.

    Raises OSError where that cannot be told, such as with too many open files.
    """
    try:
        fd = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL):  # EINVAL: a pid that cannot be
            return None
        raise
    same = False
    try:
        # Looked at after opening: a process that has that start time now is the one the descriptor holds.
        same = start_time(pid) == started
    finally:
        if not same:
            os.close(fd)
    return fd if same else None


def has_ended(fd: int, wait: float = 0.0) -> bool:
    """Whether the process of this descriptor has ended, or does within `wait` seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(wait * 1000))


def send(fd: int, number: int) -> bool:
    """Sends a signal; False when the process has ended."""
    try:
        _signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    return True
