"""The driver over overlayfs: a container is a directory for its changes, and one mount that the shim makes."""

import os
from collections.abc import Sequence
from pathlib import Path

from wharf.errors import EngineError
from wharf.linux import overlay
from wharf.linux.files import detached_mount
from wharf.linux.mounts import RootMount
from wharf.snapshots.driver import Driver
from wharf.snapshots.layers import CONTAINERS
from wharf.snapshots.writable import OverlayLayer, Writable, overlay_mount
from wharf.spec.digest import Digest


class OverlaySnapshots(Driver):
    """Snapshots as overlay mounts."""

    name = "overlay2"

    def _probe(self) -> None:
        with self._trial() as (root, changes):
            try:
                os.setxattr(changes, overlay.OPAQUE, overlay.OPAQUE_VALUE)
                os.removexattr(changes, overlay.OPAQUE)
                os.close(detached_mount(root, self._root / "tmp"))
            except OSError as error:
                raise EngineError(f"overlayfs does not work on {self._root}: {error.strerror}") from error

    def _trial_root(self, name: str) -> RootMount:
        return overlay_mount(self._root, name, [f"{CONTAINERS}/{name}/lower"])

    async def _make(self, id: str, home: Path, layers: Sequence[Digest]) -> Writable:
        names = self.layers.directories(layers)
        if len(overlay_mount(self._root, id, names).data) > overlay.LONGEST_OPTIONS:
            raise EngineError(f"the image has too many layers to mount: {len(layers)}")
        (home / "work").mkdir(mode=0o700)
        _make_upper(home / "diff", self._root / names[0])
        return OverlayLayer(self.layers, id, tuple(layers))


def _make_upper(diff: Path, top: Path) -> None:
    """The upper directory. The root shows the upper one's owner and mode, so it takes those of the topmost layer."""
    status = top.stat()
    diff.mkdir(mode=0o755)
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(diff, status.st_uid, status.st_gid)
    diff.chmod(status.st_mode & 0o7777)
