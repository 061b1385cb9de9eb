"""Project quotas: what the files of a directory may take together, on xfs and ext4. Each function raises OSError.

A directory has the number of a project, and all that is made in it inherits that. See quotactl(2) and the kernel's
include/uapi/linux/dqblk_xfs.h, whose calls ext4 answers, too.
"""

import ctypes
import errno
import fcntl
import os
import struct
from typing import Final

_FS_IOC_FSGETXATTR: Final = 0x801C581F
_FS_IOC_FSSETXATTR: Final = 0x401C5820
_FSXATTR: Final = struct.Struct("=5I8x")  # xflags, extsize, nextents, projid, cowextsize
_PROJECT_INHERITED: Final = 0x200  # FS_XFLAG_PROJINHERIT

_SYS_QUOTACTL_FD: Final = 443  # the same on all architectures, since Linux 5.14
_PROJECT: Final = 2  # PRJQUOTA
_SET_LIMITS: Final = 0x5804  # Q_XSETQLIM
_GET_STATE: Final = 0x5805  # Q_XGETQSTAT
_LIMITS_ENFORCED: Final = 1 << 5  # FS_QUOTA_PDQ_ENFD
_BLOCK: Final = 512  # bytes
#: struct fs_disk_quota: version, flags, fields, id, limits of blocks (hard, soft) and of inodes, use of both, the rest.
_DISK_QUOTA: Final = struct.Struct("=bbHI6Q56x")
_VERSION: Final = 1
_FLAG_PROJECT: Final = 2  # FS_PROJ_QUOTA
_BLOCK_LIMITS: Final = 0b1100  # FS_DQ_BSOFT | FS_DQ_BHARD
_STATE_SIZE: Final = 128  # no less than struct fs_quota_stat

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def is_enforced(directory: int) -> bool:
    """Whether the file system of the open directory keeps projects to their limits."""
    try:
        state = _quotactl(directory, _GET_STATE, 0, bytes(_STATE_SIZE))
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EINVAL, errno.ESRCH, errno.ENOTTY, errno.EOPNOTSUPP, errno.EPERM):
            return False
        raise
    return bool(int.from_bytes(state[2:4], "little") & _LIMITS_ENFORCED)


def project_of(directory: int) -> int:
    """The project of an open file or directory; 0 is none."""
    found = fcntl.ioctl(directory, _FS_IOC_FSGETXATTR, bytes(_FSXATTR.size))
    return int(_FSXATTR.unpack(found)[3])


def set_project(directory: int, project: int) -> None:
    """Puts an open, empty directory into a project, with all that will be made in it."""
    flags, extent, extents, _, copied = _FSXATTR.unpack(
        fcntl.ioctl(directory, _FS_IOC_FSGETXATTR, bytes(_FSXATTR.size))
    )
    attributes = _FSXATTR.pack(flags | _PROJECT_INHERITED, extent, extents, project, copied)
    fcntl.ioctl(directory, _FS_IOC_FSSETXATTR, attributes)


def limit(directory: int, project: int, size: int) -> None:
    """What the project may take on the file system of the open directory, in bytes; 0 is no limit."""
    blocks = -(-size // _BLOCK)
    quota = _DISK_QUOTA.pack(_VERSION, _FLAG_PROJECT, _BLOCK_LIMITS, project, blocks, blocks, 0, 0, 0, 0)
    _quotactl(directory, _SET_LIMITS, project, quota)


def _quotactl(directory: int, command: int, project: int, data: bytes) -> bytes:
    buffer = ctypes.create_string_buffer(data, len(data))
    result = _libc.syscall(
        ctypes.c_long(_SYS_QUOTACTL_FD),
        ctypes.c_int(directory),
        ctypes.c_uint(command << 8 | _PROJECT),
        ctypes.c_uint(project),
        buffer,
    )
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "quotactl")
    return buffer.raw
