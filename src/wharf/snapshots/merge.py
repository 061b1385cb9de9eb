"""Copies stacked layers into one plain directory, for file systems that cannot stack."""

import os
import stat
from pathlib import Path

from wharf.linux import overlay
from wharf.linux.file_copy import copy_content
from wharf.linux.trees import remove_tree

_Links = dict[tuple[int, int], str]


def merge_layer(layer: Path, target: Path) -> None:
    """Copies a layer over `target`: what it marks as gone goes, the rest replaces or adds. Blocks."""
    _merge(str(layer), str(target), {})
    _describe(str(layer), str(target), layer.stat())


def _merge(source: str, target: str, links: _Links) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            copy = f"{target}/{entry.name}"
            is_directory = stat.S_ISDIR(status.st_mode)
            if overlay.is_whiteout(status):
                _clear(copy)
                continue
            if not (is_directory and _is_directory(copy) and not overlay.is_opaque(entry.path)):
                _clear(copy)
            if is_directory:
                Path(copy).mkdir(exist_ok=True)
                _merge(entry.path, copy, links)
            elif status.st_nlink > 1 and (status.st_dev, status.st_ino) in links:
                os.link(links[status.st_dev, status.st_ino], copy, follow_symlinks=False)
                continue
            else:
                _copy(entry.path, copy, status)
                links[status.st_dev, status.st_ino] = copy
            _describe(entry.path, copy, status)


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def _clear(path: str) -> None:
    if _is_directory(path):
        remove_tree(Path(path))
    else:
        Path(path).unlink(missing_ok=True)


def _copy(source: str, copy: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        _copy_content(source, copy)
    elif stat.S_ISLNK(status.st_mode):
        Path(copy).symlink_to(os.readlink(source))  # noqa: PTH115 - the text, not a path
    else:
        os.mknod(copy, status.st_mode, status.st_rdev)


def _copy_content(source: str, copy: str) -> None:
    with Path(source).open("rb") as content, Path(copy).open("xb") as target:
        copy_content(content.fileno(), target.fileno())


def _describe(source: str, copy: str, status: os.stat_result) -> None:
    os.chown(copy, status.st_uid, status.st_gid, follow_symlinks=False)
    for name in os.listxattr(source, follow_symlinks=False):
        if not name.startswith("trusted."):
            os.setxattr(copy, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(copy, stat.S_IMODE(status.st_mode))  # noqa: PTH101
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
