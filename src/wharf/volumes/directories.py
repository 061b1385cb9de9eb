"""Volumes as directories of this machine: how they are made, filled and removed, whenever we die. All of it blocks.

On disk, below the root:

    NAME/_data    the content, the only directory that containers see
    NAME/_copy    a copy-up that is being made; worthless after a death
    NAME/_moving  a complete copy whose entries are being moved to _data; finished by who finds it
    .removed/              volumes (and copies) that are gone for everybody, or to come: see graves
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wharf.errors import Conflict, InvalidArgument
from wharf.linux import project_quota
from wharf.linux.files import syncfs
from wharf.linux.trees import remove_tree
from wharf.volumes.copying import copy_attributes, copy_tree
from wharf.volumes.graves import PLACE_MODE, Graves
from wharf.volumes.threads import Stopped

#: Numbers of projects that neither an administrator chooses nor a container's layer has.
_FIRST_PROJECT: Final = 0x6000_0000
_PROJECTS: Final = 0x0FFF_FFFF
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Directories:
    """The volumes below one root. Names have been checked; one change of a volume at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.graves = Graves(root)

    def mountpoint(self, name: str) -> Path:
        return self._root / name / "_data"

    def ensure(self, name: str) -> None:
        """Makes the volume's place unless it is there, and ends what an earlier process left half done. Quick."""
        place = self._root / name
        data = place / "_data"
        if not data.is_dir():
            self._root.mkdir(mode=PLACE_MODE, parents=True, exist_ok=True)
            place.mkdir(mode=PLACE_MODE, exist_ok=True)
            data.mkdir(mode=0o755, exist_ok=True)
            data.chmod(0o755)  # whatever the umask
        self._finish_fill(place)

    def has(self, name: str) -> bool:
        """Whether the volume has its place."""
        return (self._root / name).is_dir()

    def limit(self, name: str, size: int) -> None:
        """Makes the place of a new volume that may hold `size` bytes. Raises InvalidArgument where that cannot be."""
        place = self._root / name
        self._root.mkdir(mode=PLACE_MODE, parents=True, exist_ok=True)
        place.mkdir(mode=PLACE_MODE)
        try:
            with _opened(place) as directory:
                _limit(directory, size)
        except BaseException:
            place.rmdir()
            raise

    def is_empty(self, name: str) -> bool:
        """Whether fill() would do anything."""
        try:
            with os.scandir(self.mountpoint(name)) as entries:
                return next(entries, None) is None
        except FileNotFoundError:
            return True

    def fill(self, name: str, source: int, stopped: Stopped) -> None:
        """Copies the open directory `source` into the volume if that is empty. Long.

        All or nothing: after a failure, and after the death of this process, the volume counts as empty, or it is
        completed by the next ensure() or fill().
        """
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
        """Takes the volume out of sight, so that its name is free, on the disk too; returns the ticket of its grave.

        Fine when somebody deleted the volume by hand.
        """
        grave = self.graves.new()
        try:
            (self._root / name).rename(grave / name)
        except FileNotFoundError:
            pass  # somebody deleted it by hand
        self._sync()
        return grave.name

    def _sync(self) -> None:
        """Which volumes there are is on the disk afterwards. The flush of a database says nothing about names."""
        with _opened(self._root) as root:
            os.fsync(root)

    def begin(self, name: str) -> tuple[str, Path]:
        """A place for a volume that is to come: a ticket and its empty directory. Who dies leaves it to be deleted."""
        grave = self.graves.new()
        place = grave / name
        place.mkdir(mode=PLACE_MODE)
        data = place / "_data"
        data.mkdir(mode=0o755)
        data.chmod(0o755)
        return grave.name, data

    def settle(self, ticket: str) -> None:
        """All that was written below the place of begin() is on the disk afterwards. Long."""
        syncfs(self.graves.of(ticket))

    def finish(self, ticket: str, name: str) -> None:
        """Makes what begin() began the volume of that name, which is free. Quick.

        Raises Conflict where a directory of that name is in the way: whosever it is, it may hold data.
        """
        grave = self.graves.of(ticket)
        if self.has(name):
            raise Conflict(f"{self._root / name} is there already, and no volume on record")
        (grave / name).rename(self._root / name)
        grave.rmdir()
        self._sync()

    def recover(self, name: str) -> None:
        """Withdraws what an earlier process left of an unfinished fill(). Quick; nobody may be filling the volume."""
        copy = self._root / name / "_copy"
        if copy.exists():
            copy.rename(self.graves.new() / copy.name)

    def rename(self, name: str, new: str) -> None:
        """Gives a volume another name, which is free, on the disk too. Fine when that was done already."""
        try:
            (self._root / name).rename(self._root / new)
        except FileNotFoundError:
            self.ensure(new)  # or somebody deleted it by hand
        self._sync()

    def usage(self, name: str, stopped: Stopped = lambda: False) -> int:
        """Bytes of all files, a file with several names counted once. Long."""
        sizes: dict[tuple[int, int], int] = {}
        waiting = [os.fspath(self.mountpoint(name))]
        while waiting and not stopped():
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


def _limit(directory: int, size: int) -> None:
    """Lets an empty directory, with all that will be in it, take `size` bytes."""
    if not project_quota.is_enforced(directory):
        raise InvalidArgument("quota size requested but no quota support")
    # As unique as the number of a directory is on its file system.
    project = _FIRST_PROJECT | (os.fstat(directory).st_ino & _PROJECTS)
    project_quota.limit(directory, project, size)
    project_quota.set_project(directory, project)


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
