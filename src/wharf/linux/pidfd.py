# ruff: noqa: PTH123
# No pathlib: the shim loads this, and it would double its memory.
"""Processes by descriptor, and by number with their start time: both are safe against reused pids."""

import os
import select
import signal


def start_time(pid: int) -> int:
    """Clock ticks from boot to the start of `pid` (field 22 of /proc/pid/stat); 0 when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # The second field is the name in brackets, which may hold blanks and brackets itself.
    return int(text[text.rindex(b")") + 2 :].split()[19])


def is_zombie(pid: int) -> bool:
    """Whether `pid` has ended and only waits for its parent to look."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text[text.rindex(b")") + 2 :][:1] in (b"Z", b"X")


def open_same(pid: int, started: int) -> int | None:
    """A descriptor of process `pid` if it is still the one that started at `started`; the caller closes it."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:  # ESRCH, or EINVAL for a pid that cannot be
        return None
    # Looked at after opening: a process that has that start time now is the one the descriptor holds.
    if start_time(pid) == started:
        return fd
    os.close(fd)
    return None


def has_ended(fd: int, wait: float = 0.0) -> bool:
    """Whether the process of this descriptor has ended, or does within `wait` seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(wait * 1000))


def send(fd: int, number: int) -> bool:
    """Sends a signal; False when the process has ended."""
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    return True
