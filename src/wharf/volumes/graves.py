"""Where directories are that nobody sees as volumes: not any more, or not yet. All of it blocks.

On disk, below the volumes: .removed/TICKET/NAME. Who finds one that nobody works on may delete it.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wharf.linux.trees import remove_tree

#: Of the directory that all volumes are in: containers' users pass through it and see nothing.
PLACE_MODE: Final = 0o701
_REMOVED: Final = ".removed"  # no volume's name: they begin with a letter or digit


class Graves:
    def __init__(self, root: Path) -> None:
        self._root = root

    def new(self) -> Path:
        """An empty one; its name is the ticket."""
        self._root.mkdir(mode=PLACE_MODE, parents=True, exist_ok=True)
        graves = self._root / _REMOVED
        graves.mkdir(mode=0o700, exist_ok=True)
        grave = graves / secrets.token_hex(8)
        grave.mkdir(mode=0o700)
        return grave

    def of(self, ticket: str) -> Path:
        return self._root / _REMOVED / ticket

    def remove(self, ticket: str) -> None:
        """Deletes what is there. Long; fine when there is nothing."""
        remove_tree(self.of(ticket))

    def found(self) -> Mapping[str, str]:
        """What an earlier process left: by ticket, the name of what is there ("" if unknown)."""
        try:
            graves = list(os.scandir(self._root / _REMOVED))
        except FileNotFoundError:
            return {}
        return {grave.name: next(iter(os.listdir(grave)), "") for grave in graves}  # noqa: PTH208 - of an entry
