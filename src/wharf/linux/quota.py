"""Project quotas: how much room a directory with all below it may take (quotactl(2), xfs_quota(8)).

ext4 and XFS have them, where they are mounted with `prjquota`. Each function raises OSError.
"""

import ctypes
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

_SYS_QUOTACTL_FD: Final = 443  # since Linux 5.14, the same number on all architectures
_GET_ATTRIBUTES: Final = 0x801C581F  # FS_IOC_FSGETXATTR
_SET_ATTRIBUTES: Final = 0x401C5820  # FS_IOC_FSSETXATTR
_ATTRIBUTES: Final = "5I8x"  # struct fsxattr: flags, extent size, extents, project, cow extent size
_INHERIT: Final = 0x200  # FS_XFLAG_PROJINHERIT
_SET_LIMIT: Final = (0x5804 << 8) | 2  # QCMD(Q_XSETQLIM, PRJQUOTA)
_PROJECT: Final = 2  # FS_PROJ_QUOTA
_HARD_AND_SOFT: Final = 0b1100  # FS_DQ_BSOFT | FS_DQ_BHARD
_BLOCK: Final = 512  # bytes
#: Projects of ours are above those that people number by hand.
_OURS: Final = 1 << 30

#: What a kernel or a file system without project quotas says.
UNSUPPORTED: Final = frozenset(
    {errno.ENOTTY, errno.ENOSYS, errno.ESRCH, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOPROTOOPT}
)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def limit(directory: Path, size: int) -> None:
    """Lets an empty directory, and all that will be below it, take `size` bytes. Only where project quotas are on."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # As unique as the number of a directory is on its file system.
        project = _OURS | (os.fstat(descriptor).st_ino & (_OURS - 1))
        _set_limit(descriptor, project, size)
        _set_project(descriptor, project)
    finally:
        os.close(descriptor)


def _set_limit(descriptor: int, project: int, size: int) -> None:
    blocks = -(-size // _BLOCK)
    # struct fs_disk_quota: version, flags, which fields count, project, hard and soft limit of blocks.
    quota = struct.pack("bbHIQQ", 1, _PROJECT, _HARD_AND_SOFT, project, blocks, blocks).ljust(112, b"\0")
    buffer = ctypes.create_string_buffer(quota, len(quota))
    done = _libc.syscall(
        ctypes.c_long(_SYS_QUOTACTL_FD),
        ctypes.c_uint(descriptor),
        ctypes.c_uint(_SET_LIMIT),
        ctypes.c_uint(project),
        buffer,
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "quotactl")


def _set_project(descriptor: int, project: int) -> None:
    found = fcntl.ioctl(descriptor, _GET_ATTRIBUTES, bytes(struct.calcsize(_ATTRIBUTES)))
    flags, extent, extents, _, cow = struct.unpack(_ATTRIBUTES, found)
    fcntl.ioctl(descriptor, _SET_ATTRIBUTES, struct.pack(_ATTRIBUTES, flags | _INHERIT, extent, extents, project, cow))
