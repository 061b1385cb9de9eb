"""A process that can open nothing more, as one with too many open files."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


@contextmanager
def no_more_files(pid: int = 0, room: int = 0) -> Iterator[None]:
    """For the block; 0 is this process. It can open `room` files more at least."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    files = list(Path(f"/proc/{pid or 'self'}/fd").iterdir())
    taken = {int(file.name) for file in files if file.is_symlink()}  # not that by which they were listed
    first_free = next(number for number in count() if number not in taken)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_free + room, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
