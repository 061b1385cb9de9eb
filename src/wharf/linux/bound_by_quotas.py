# No pathlib: starters of containers load this.
"""Work that is done without the right to exceed limits."""

import ctypes
import os
from collections.abc import Callable
from typing import Final

_SYS_RESOURCE: Final = 1 << 24  # CAP_SYS_RESOURCE
_VERSION_3: Final = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def bound_by_quotas(work: Callable[[], None]) -> None:
    """Runs `work` in this thread without CAP_SYS_RESOURCE, which ext4 takes as leave to exceed a quota.

    An overlay writes with the rights of who has mounted it. Raises OSError, and what `work` raises.
    """
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    rights = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    _check(_libc.capget(header, rights))
    effective = rights[0]
    if not effective & _SYS_RESOURCE:
        work()
        return
    rights[0] = effective & ~_SYS_RESOURCE
    _check(_libc.capset(header, rights))
    try:
        work()
    finally:
        rights[0] = effective
        _check(_libc.capset(header, rights))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "capabilities")
