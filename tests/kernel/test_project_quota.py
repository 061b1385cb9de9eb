"""Limits of directories, on file systems in files that are made for that. Needs root, and a kernel that has quotas."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.engine import missing, program
from wharf.errors import EngineError
from wharf.linux import project_quota
from wharf.snapshots.quota import Quotas

pytestmark = pytest.mark.kernel

MIB = 1 << 20
#: How each file system is made, its size in the file, and how it is mounted.
KINDS = {
    "ext4": (("mkfs.ext4", "-q", "-O", "project,quota", "-E", "quotatype=prjquota"), 64, "prjquota"),
    "xfs": (("mkfs.xfs", "-q"), 320, "pquota"),
}


@contextmanager
def mounted(tmp_path: Path, kind: str) -> Iterator[Path]:
    command, size, option = KINDS[kind]
    if missing([command[0]]):
        pytest.skip(f"not installed: {command[0]}")
    image, place = tmp_path / "image", tmp_path / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(size * MIB)
    subprocess.run([str(program(command[0])), *command[1:], str(image)], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", f"loop,{option}", str(image), str(place)], capture_output=True).returncode != 0:
        pytest.skip(f"this kernel has no project quotas for {kind}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("kind", KINDS)
def test_each_directory_has_its_own_limit_until_it_is_released(tmp_path: Path, kind: str) -> None:
    with mounted(tmp_path, kind) as root:
        quotas = Quotas(root)
        quotas.require()
        for name in ("small", "large", "free"):
            (root / name).mkdir()
        quotas.limit(root / "small", 2 * MIB)
        quotas.limit(root / "large", 8 * MIB)
        (root / "small/sub").mkdir()
        with pytest.raises(OSError, match="") as caught:
            (root / "small/sub/file").write_bytes(bytes(3 * MIB))
        assert caught.value.errno in (errno.EDQUOT, errno.ENOSPC)
        (root / "large/file").write_bytes(bytes(3 * MIB))
        (root / "free/file").write_bytes(bytes(9 * MIB))
        with opened(root / "small") as small, opened(root / "large") as large:
            numbers = [project_quota.project_of(one) for one in (small, large)]
            assert len({0, *numbers}) == 3
            assert [project_quota.limit_of(large, one) for one in numbers] == [2 * MIB, 8 * MIB]
            # Another engine finds what is taken; a limit that is released is none any more.
            (root / "later").mkdir()
            Quotas(root).limit(root / "later", MIB)
            with opened(root / "later") as later:
                assert project_quota.project_of(later) not in numbers
            quotas.release(root / "small")
            assert project_quota.limit_of(small, numbers[0]) == 0
        (root / "small/more").write_bytes(bytes(3 * MIB))
        quotas.release(root / "nothing")


def test_where_there_are_none_dockerd_s_words_say_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="supported only for overlay over xfs with 'pquota' mount option"):
        Quotas(tmp_path).require()
    Quotas(tmp_path).release(tmp_path)
