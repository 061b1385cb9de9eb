"""Names that change places while something looks them up."""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.background import background

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2


@contextmanager
def swapped(one: Path, other: Path) -> Iterator[None]:
    """Two names change places as fast as the kernel can, for as long as the block runs."""

    def swap(over: threading.Event) -> None:
        names = os.fsencode(one), os.fsencode(other)
        while not over.is_set():
            for _ in range(100):
                _renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)

    with background(swap):
        yield
