"""How much the writable layer of a container may take: a project quota for each that has a limit.

The number of the project is with the directory, the limit with the file system; nothing else is recorded.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wharf.errors import EngineError
from wharf.linux import project_quota

#: Numbers that no administrator chooses by hand in /etc/projects.
_FIRST: Final = 0x5748_0000
_UNSUPPORTED: Final = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"


class Quotas:
    """The limits of the directories below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._next = 0  # not known yet

    @property
    def supported(self) -> bool:
        with _opened(self._root) as directory:
            return project_quota.is_enforced(directory)

    def require(self) -> None:
        """Raises EngineError, in dockerd's words, where there are no limits. (Ours are kept on ext4, too.)"""
        if not self.supported:
            raise EngineError(_UNSUPPORTED)

    def limit(self, place: Path, size: int) -> None:
        """Limits a directory, empty yet, to `size` bytes with all that will be in it. Raises OSError."""
        with _opened(place) as directory:
            project = self._free_project()
            project_quota.limit(directory, project, size)
            project_quota.set_project(directory, project)

    def release(self, place: Path) -> None:
        """Forgets the limit of a directory that is about to be removed. Fine when it has none."""
        try:
            with _opened(place) as directory:
                if (project := project_quota.project_of(directory)) >= _FIRST:
                    project_quota.limit(directory, project, 0)
        except OSError:
            pass  # it has gone, or its file system knows no projects

    def _free_project(self) -> int:
        self._next = max(self._next, _FIRST, 1 + max(self._used(), default=0))
        self._next += 1
        return self._next - 1

    def _used(self) -> Iterator[int]:
        for entry in os.scandir(self._root) if self._next == 0 else ():
            with _opened(Path(entry.path)) as directory:
                yield project_quota.project_of(directory)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
