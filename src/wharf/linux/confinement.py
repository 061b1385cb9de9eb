"""Gives up what a process does not need: for children that read what strangers wrote."""

import ctypes
import os
import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from wharf.linux import syscall

CAP_CHOWN: Final = 0
CAP_DAC_OVERRIDE: Final = 1
CAP_FOWNER: Final = 3
CAP_FSETID: Final = 4
CAP_SYS_ADMIN: Final = 21
CAP_MKNOD: Final = 27
CAP_SETFCAP: Final = 31

_PR_CAPBSET_DROP: Final = 24
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_LAST_POSSIBLE: Final = 63

_libc = ctypes.CDLL(None, use_errno=True)


def confine(directory: Path, capabilities: Iterable[int]) -> None:
    """Locks the calling process into `directory`: it becomes the root and there is no network.

    It keeps only these capabilities, can never gain others, and dies with its parent. Raises OSError.
    """
    syscall.prctl(syscall.PR_SET_PDEATHSIG, 9)
    os.chdir(directory)
    os.chroot(".")
    syscall.unshare(syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0)
    keep_capabilities(capabilities)
    syscall.prctl(syscall.PR_SET_NO_NEW_PRIVS, 1)


def keep_capabilities(capabilities: Iterable[int]) -> None:
    """Leaves the process those of `capabilities` that it has, and takes the others from all sets. Raises OSError."""
    kept = 0
    for capability in capabilities:
        kept |= 1 << capability
    for number in range(_LAST_POSSIBLE + 1):
        if not kept >> number & 1:
            try:
                syscall.prctl(_PR_CAPBSET_DROP, number)
            except OSError:
                break  # EINVAL: the kernel knows no more of them
    syscall.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    if _libc.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    for half in (0, 1):
        permitted = data[half * 3 + 1] & (kept >> (32 * half) & 0xFFFFFFFF)
        data[half * 3] = data[half * 3 + 1] = permitted
        data[half * 3 + 2] = 0
    if _libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
