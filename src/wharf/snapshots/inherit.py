"""Directories that a layer uses without describing them look as they do in the layers below."""

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from wharf.snapshots.stacked import Found, closing_lookup


def inherit_directories(layer: Path, names: Iterable[bytes], below: Sequence[Path]) -> None:
    """Gives each named directory of `layer` the owner, mode, time and attributes it has in `below`, topmost first.

    Without it a layer with only tmp/x would make /tmp unwritable for users.
    """
    for name in names:
        with closing_lookup(below, os.fsdecode(name), follow=False) as found:
            if found is not None and stat.S_ISDIR(found.status.st_mode):
                _copy(found, layer, name)


def _copy(found: Found, layer: Path, name: bytes) -> None:
    with closing_lookup([layer], os.fsdecode(name), follow=False) as own:
        if own is None or not stat.S_ISDIR(own.status.st_mode):
            return
        target = os.open(f"/proc/self/fd/{own.descriptor}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fchown(target, found.status.st_uid, found.status.st_gid)
            os.fchmod(target, stat.S_IMODE(found.status.st_mode))
            source = f"/proc/self/fd/{found.descriptor}"
            for attribute in os.listxattr(source):
                if not attribute.startswith("trusted."):
                    os.setxattr(target, attribute, os.getxattr(source, attribute))
            os.utime(target, ns=(found.status.st_mtime_ns, found.status.st_mtime_ns))
        finally:
            os.close(target)
