"""The content of a file in another one, with its holes."""

import errno
import os
from collections.abc import Callable
from typing import Final

from wharf.linux.files import share_blocks

#: Bytes moved by one call: large enough to be fast, small enough to notice that we shall stop.
_PIECE: Final = 8 << 20


def copy_content(source: int, target: int, pause: Callable[[], None] = lambda: None) -> None:
    """Gives the open, empty file `target` the content of `source`. Blocks.

    It gets the same blocks, where the file system can share them, else all data between the holes. `pause` is called
    now and then; what it raises ends the copy. Raises OSError.
    """
    if share_blocks(source, target):
        return
    size = os.fstat(source).st_size
    start = 0
    while start < size:
        try:
            start = os.lseek(source, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                break
            raise
        end = os.lseek(source, start, os.SEEK_HOLE)
        _copy_range(source, target, start, end, pause)
        start = end
    os.ftruncate(target, size)


def _copy_range(source: int, target: int, start: int, end: int, pause: Callable[[], None]) -> None:
    os.lseek(target, start, os.SEEK_SET)
    while start < end:
        pause()
        sent = os.sendfile(target, source, start, min(_PIECE, end - start))
        if sent == 0:
            return
        start += sent
