"""The directories of managed plugins, and the blobs that they came from. See the package for what is where."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wharf.content.store import ContentStore
from wharf.engine.plugins.record import PluginPlaces, PluginRecord
from wharf.linux.files import syncfs
from wharf.linux.trash import Trash
from wharf.spec.digest import Digest

_OWN: Final = frozenset({"content", "tmp", "trash"})
_NEXT: Final = "next-"  # and the revision of the record that it is for
_PRIVATE: Final = 0o710  # a plugin's programs may be setuid: who is not root comes to none


class PluginFiles:
    """What is on disk for each record. What a record does not own yet, or any more, does not outlive a restart."""

    def __init__(self, places: PluginPlaces) -> None:
        self._places = places
        self.content = ContentStore(places.root / "content")
        self._trash = Trash(places.root / "trash")
        self._is_made = False
        self._holders = 0  # what they need, or will need, no record says

    def open(self, plugins: Iterable[PluginRecord]) -> None:
        """Finishes upgrades that were recorded, and sweeps what is nobody's. Makes nothing where there is nothing."""
        if not self._places.root.is_dir():
            return
        self._make()
        plugins = list(plugins)
        for plugin in plugins:
            self.finish_upgrade(plugin)
        known = {plugin.id for plugin in plugins} | _OWN
        for entry in os.scandir(self._places.root):
            if entry.name not in known:
                self._trash.take(Path(entry.path))
        for entry in os.scandir(self._places.root / "tmp"):
            self._trash.take(Path(entry.path))
        self.sweep(plugins)

    def _make(self) -> None:
        for path in (self._places.root, self._places.root / "tmp"):
            path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            path.chmod(_PRIVATE)
        self._trash.open()
        self.content.open()
        self._is_made = True

    def close(self) -> None:
        """Waits until what was removed is gone."""
        self._trash.close()

    @contextmanager
    def intake(self) -> Iterator[Path]:
        """A directory for what is being made; it is gone after the block. No blob is swept meanwhile."""
        if not self._is_made:
            self._make()
        directory = self._places.root / "tmp" / secrets.token_hex(8)
        directory.mkdir(mode=0o700)
        try:
            with self.held():
                yield directory
        finally:
            self._trash.take(directory)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps all blobs that are here, and that arrive, from being swept during the block."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    def keep(self, rootfs: Path, id: str) -> None:
        """Makes a directory the file system of a new plugin. It is lost unless its record follows."""
        self._places.directory(id).mkdir(mode=_PRIVATE)
        rootfs.rename(self._places.rootfs(id))

    def prepare_upgrade(self, rootfs: Path, plugin: PluginRecord) -> None:
        """Puts another file system beside that of the plugin, which has it once `plugin` is on record."""
        place = self._next(plugin)
        self._trash.take(place)
        rootfs.rename(place)

    def finish_upgrade(self, plugin: PluginRecord) -> None:
        """Puts the file system in place that the record is about, and removes any other."""
        place, rootfs = self._next(plugin), self._places.rootfs(plugin.id)
        if place.is_dir():
            self._trash.take(rootfs)
            place.rename(rootfs)
        for other in self._places.directory(plugin.id).glob(f"{_NEXT}*"):
            self._trash.take(other)

    def _next(self, plugin: PluginRecord) -> Path:
        return self._places.directory(plugin.id) / f"{_NEXT}{plugin.revision}"

    def remove(self, id: str) -> None:
        """Removes all that was a plugin's but its blobs."""
        self._trash.take(self._places.directory(id))

    def sync(self) -> None:
        """Writes all of it to the disk: a record is a promise. Blocks."""
        syncfs(self._places.root)

    def sweep(self, plugins: Iterable[PluginRecord]) -> None:
        """Removes blobs that no plugin needs; some other time, while somebody holds them."""
        if self._holders or not self._is_made:
            return
        needed = (blob for plugin in plugins for blob in (plugin.config_digest, plugin.manifest_digest, plugin.layer))
        self.content.keep_only({Digest.parse(blob).encoded for blob in needed})
