"""Directory trees that nobody needs any more: out of sight at once, deleted in the background."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wharf.errors import EngineError
from wharf.linux.trees import remove_tree


class Trash:
    """The trees below `directory`, which is on the file system of what is thrown away."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._removals = ThreadPoolExecutor(1, thread_name_prefix="remove-trees")

    def open(self) -> None:
        """Makes the directory, and goes on with what an earlier process did not get done."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        for entry in os.scandir(self._directory):
            self._removals.submit(remove_tree, Path(entry.path))

    def close(self) -> None:
        """Waits until all of it is gone."""
        self._removals.shutdown(wait=True)

    def take(self, tree: Path) -> None:
        """Takes a tree out of sight. Fine when it is gone. Raises EngineError."""
        hidden = self._directory / os.urandom(8).hex()
        try:
            tree.rename(hidden)
        except FileNotFoundError:
            return
        except OSError as error:
            raise EngineError(f"cannot remove {tree}: {error.strerror}") from error
        self._removals.submit(remove_tree, hidden)
