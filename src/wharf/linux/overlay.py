"""What overlayfs reads and writes in the directories that it stacks (kernel: filesystems/overlayfs.rst)."""

import os
import stat
from typing import Final

OPAQUE: Final = "trusted.overlay.opaque"
OPAQUE_VALUE: Final = b"y"
#: mount(2) copies one page of options; the last byte ends the string.
LONGEST_OPTIONS: Final = 4095


def is_whiteout(status: os.stat_result) -> bool:
    """Whether an entry of an upper layer says that the name is gone."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(directory: int | str) -> bool:
    """Whether a directory (a path, or a descriptor that is not O_PATH) hides those below it."""
    try:
        return os.getxattr(directory, OPAQUE) == OPAQUE_VALUE
    except OSError:
        return False


def make_opaque(directory: int) -> None:
    """Lets a directory hide those below it. Raises OSError."""
    os.setxattr(directory, OPAQUE, OPAQUE_VALUE)


def make_whiteout(name: bytes, parent: int) -> None:
    """Says that `name` is gone. Raises OSError, FileExistsError among them."""
    os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
