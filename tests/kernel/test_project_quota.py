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
from wharf.linux import project_quota, syscall
from wharf.linux.bound_by_quotas import bound_by_quotas
from wharf.linux.files import in_own_namespace
from wharf.snapshots.quota import Quotas

pytestmark = pytest.mark.kernel

MIB = 1 << 20
FULL = {errno.EDQUOT, errno.ENOSPC}
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
        assert not fits(root / "small/sub/file", 3)
        assert fits(root / "large/file", 3)
        assert fits(root / "free/file", 9)
        with opened(root / "small") as small, opened(root / "large") as large:
            numbers = [project_quota.project_of(one) for one in (small, large)]
            assert len({0, *numbers}) == 3
            # Another engine finds what is taken; a limit that is released is none any more.
            (root / "later").mkdir()
            Quotas(root).limit(root / "later", MIB)
            with opened(root / "later") as later:
                assert project_quota.project_of(later) not in numbers
            quotas.release(root / "small")
        assert fits(root / "small/more", 3)
        quotas.release(root / "nothing")


@pytest.mark.parametrize("kind", KINDS)
def test_an_overlay_is_bound_by_them_whoever_writes(tmp_path: Path, kind: str) -> None:
    with mounted(tmp_path, kind) as root:
        (root / "box").mkdir()
        Quotas(root).limit(root / "box", 2 * MIB)
        for name in ("box/upper", "box/work", "lower", "merged"):
            (root / name).mkdir()
        (root / "lower/file").write_bytes(bytes(3 * MIB))
        data = f"lowerdir={root}/lower,upperdir={root}/box/upper,workdir={root}/box/work"

        faults = []

        def fill() -> int:
            bound_by_quotas(lambda: syscall.mount("overlay", f"{root}/merged", "overlay", 0, data))
            # A user of the container that has all rights, and a file of the image that is copied up.
            faults.extend([errno_of(root / "merged/new", 3), errno_of(root / "merged/file", 0)])
            return 0

        in_own_namespace(fill)
        assert set(faults) <= FULL


def errno_of(path: Path, mebibytes: int) -> int:
    """The fault that a write ends with; 0 is none."""
    try:
        with path.open("ab") as file:
            file.write(bytes(mebibytes * MIB + 1))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno or -1
    return 0


def fits(path: Path, mebibytes: int) -> bool:
    """Whether that much can be written by somebody who may not exceed limits."""
    found: list[int] = []
    bound_by_quotas(lambda: found.append(errno_of(path, mebibytes)))
    assert found[0] in FULL | {0}
    return found[0] == 0


def test_where_there_are_none_dockerd_s_words_say_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="supported only for overlay over xfs with 'pquota' mount option"):
        Quotas(tmp_path).require()
    Quotas(tmp_path).release(tmp_path)
