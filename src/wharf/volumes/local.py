"""The driver `local`: a volume is a directory of this machine.

On disk, below the driver's root:

    NAME/_data    the content, the only directory that containers see
    NAME/_copy    a copy-up that is being made; worthless after a death
    NAME/_moving  a complete copy whose entries are being moved to _data; finished by who finds it
    .removed/TICKET/NAME   a volume (or a _copy) that is gone for everybody and is being deleted
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wharf.linux.trees import remove_tree
from wharf.volumes import naming
from wharf.volumes.contract import Stopped
from wharf.volumes.copying import copy_attributes, copy_tree

_REMOVED: Final = ".removed"  # no volume's name: they begin with a letter or digit
_PLACE_MODE: Final = 0o701  # containers' users pass through it and see nothing
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalDriver:
    """Fulfils VolumeDriver."""

    name = "local"
    scope = "local"

    def __init__(self, root: Path) -> None:
        self._root = root

    def check(self, name: str, options: Mapping[str, str]) -> None:
        naming.check_name(name)
        naming.check_options(options)

    def mountpoint(self, name: str) -> Path:
        return self._root / name / "_data"

    def ensure(self, name: str) -> None:
        place = self._root / name
        data = place / "_data"
        if not data.is_dir():
            self._root.mkdir(mode=_PLACE_MODE, parents=True, exist_ok=True)
            place.mkdir(mode=_PLACE_MODE, exist_ok=True)
            data.mkdir(mode=0o755, exist_ok=True)
            data.chmod(0o755)  # whatever the umask
        self._finish_fill(place)

    def is_empty(self, name: str) -> bool:
        try:
            with os.scandir(self.mountpoint(name)) as entries:
                return next(entries, None) is None
        except FileNotFoundError:
            return True

    def fill(self, name: str, source: int, stopped: Stopped) -> None:
        self.ensure(name)
        if not self.is_empty(name):
            return
        place = self._root / name
        copy = place / "_copy"
        remove_tree(copy)
        # Closed to everybody until it is complete: then no user of the image can reach into it from the host.
        copy.mkdir(mode=0o700)
        try:
            with _opened(copy) as target:
                copy_tree(source, target, stopped)
        except BaseException:
            remove_tree(copy)  # on a full disk it would be in everybody's way
            raise
        copy.rename(place / "_moving")
        self._finish_fill(place)

    def _finish_fill(self, place: Path) -> None:
        """Moves a complete copy into the volume.

        Entry by entry into the directory that is there, instead of the whole directory over it: a container that has
        the volume mounted already must see the files too.
        """
        try:
            moving = os.open(place / "_moving", _DIRECTORY)
        except FileNotFoundError:
            return
        try:
            with _opened(place / "_data") as data:
                times = os.fstat(moving)
                for name in os.listdir(moving):  # noqa: PTH208 (a descriptor)
                    _move_unless_there(moving, data, name)
                os.utime(moving, ns=(times.st_atime_ns, times.st_mtime_ns))
                copy_attributes(moving, data)
        finally:
            os.close(moving)
        remove_tree(place / "_moving")

    def withdraw(self, name: str) -> str:
        grave = self._new_grave()
        try:
            (self._root / name).rename(grave / name)
        except FileNotFoundError:
            pass  # somebody deleted it by hand
        return grave.name

    def _new_grave(self) -> Path:
        self._root.mkdir(mode=_PLACE_MODE, parents=True, exist_ok=True)
        graves = self._root / _REMOVED
        graves.mkdir(mode=0o700, exist_ok=True)
        grave = graves / secrets.token_hex(8)
        grave.mkdir(mode=0o700)
        return grave

    def remove(self, withdrawn: str) -> None:
        remove_tree(self._root / _REMOVED / withdrawn)

    def withdrawn(self) -> Mapping[str, str]:
        try:
            graves = list((self._root / _REMOVED).iterdir())
        except FileNotFoundError:
            return {}
        return {grave.name: next((place.name for place in grave.iterdir()), "") for grave in graves}

    def recover(self, name: str) -> None:
        copy = self._root / name / "_copy"
        if copy.exists():
            copy.rename(self._new_grave() / copy.name)

    def usage(self, name: str) -> int:
        sizes: dict[tuple[int, int], int] = {}
        waiting = [os.fspath(self.mountpoint(name))]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            found = entry.stat(follow_symlinks=False)
                            sizes[found.st_dev, found.st_ino] = found.st_size
            except OSError:
                continue  # changed under our eyes
        return sum(sizes.values())


def _move_unless_there(source: int, target: int, name: str) -> None:
    """Who uses the volume already may have made an entry of this name: that one stays."""
    try:
        os.stat(name, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, _DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)
