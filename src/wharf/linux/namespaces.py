"""Entering namespaces by descriptor."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from wharf.linux import syscall


@contextmanager
def network_of(fd: int) -> Iterator[None]:
    """Runs the block in another network namespace; only the calling thread moves. Do not await inside."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscall.setns(fd, syscall.CLONE_NEWNET)
        try:
            yield
        finally:
            syscall.setns(own, syscall.CLONE_NEWNET)
    finally:
        os.close(own)
