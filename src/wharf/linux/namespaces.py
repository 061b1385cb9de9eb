"""Network namespaces by descriptor: open them, and work inside one for a moment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from wharf.linux.syscall import CLONE_NEWNET, setns

_OWN: Final = "/proc/thread-self/ns/net"


def open_own_network() -> int:
    """The network namespace of this thread. The caller closes it."""
    return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)


def shares_network(pid: int) -> bool:
    """Whether a process is in the network namespace of this thread. One that cannot be looked at is taken to be."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), os.stat(_OWN))  # noqa: PTH116
    except OSError:
        return True


@contextmanager
def inside_network(fd: int) -> Iterator[None]:
    """Moves this thread into the network namespace of `fd` for the block. Do not await inside.

    Sockets opened there stay in it afterwards; /proc/sys/net is that namespace's meanwhile.
    """
    home = open_own_network()
    try:
        setns(fd, CLONE_NEWNET)
        try:
            yield
        finally:
            # A failure here would leave the thread in a container's namespace, so it is not caught anywhere.
            setns(home, CLONE_NEWNET)
    finally:
        os.close(home)
