"""Where new objects go: a shim writes only to pages that it shares with nobody, so they should be few.

CPython keeps small objects in pools by size, and new ones go to free places of old pools first: a page with thirty old
objects and a new one becomes a copy of its own in every shim.
"""

from typing import Final

_POOL: Final = 1 << 14
_LARGEST: Final = 512
_STEP: Final = 16
_HEADER: Final = b"".__sizeof__()
#: More than enough for the holes that start-up leaves; a guard against other allocators.
_MOST: Final = 1 << 15

_fillers: Final[list[bytes]] = []


def fill_holes() -> None:
    """Takes the free places in all pools, so that whatever is made from now on stands side by side in new ones."""
    for size in range(3 * _STEP, _LARGEST + 1, _STEP):
        last = filled = 0
        for _ in range(_MOST):
            filler = bytes(size - _HEADER)
            _fillers.append(filler)
            # A pool that is new is filled from its beginning to its end.
            filled = filled + size if id(filler) == last + size else 0
            last = id(filler)
            if filled > _POOL // 2:
                break
