"""What the C library keeps of memory that has been freed (mallopt(3), malloc_trim(3)); nothing happens with another."""

import ctypes
from typing import Final

_M_ARENA_MAX: Final = -8
_libc = ctypes.CDLL(None)


def use_one_arena() -> None:
    """All threads allocate from one heap, instead of each from one that it leaves behind half used.

    To be called before there are any. Python's own lock keeps them from waiting for one another here.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Gives free pages back to the kernel, also those between others. About a millisecond."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
