"""Directories that share what is mounted below them. Needs root."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wharf.linux import mountinfo, shared_mounts, syscall

pytestmark = pytest.mark.kernel


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """By a path with a link in it."""
    (tmp_path / "real/shared/sub").mkdir(parents=True)
    (tmp_path / "bound").mkdir()
    (tmp_path / "link").symlink_to("real")
    yield tmp_path / "link/shared"
    for path in (tmp_path / "bound", tmp_path / "real/shared"):
        shared_mounts.withdraw(str(path))
    assert not below(tmp_path)


@pytest.fixture
def hanging(place: Path) -> Iterator[None]:
    """On it is a file system whose program never answers."""
    shared_mounts.share(str(place))
    program = os.open("/dev/fuse", os.O_RDWR)
    syscall.mount("hanging", str(place), "fuse", 0, f"fd={program},rootmode=40000,user_id=0,group_id=0")
    yield
    os.close(program)


def below(directory: Path) -> list[str]:
    return sorted(entry.point for entry in mountinfo.read() if mountinfo.is_below(entry.point, str(directory)))


def test_what_is_mounted_in_a_bind_is_seen_in_the_directory(place: Path, tmp_path: Path) -> None:
    for _ in range(2):
        shared_mounts.share(str(place))
    assert below(tmp_path) == [str(tmp_path / "real/shared")]
    syscall.mount(str(place), str(tmp_path / "bound"), flags=syscall.MS_BIND)
    syscall.mount("none", str(tmp_path / "bound/sub"), "tmpfs")
    assert str(tmp_path / "real/shared/sub") in below(tmp_path)
    shared_mounts.withdraw(str(place))
    assert not [point for point in below(tmp_path) if "real" in point]
    shared_mounts.withdraw(str(place))


@pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this kernel has no FUSE")  # noqa: PTH110
def test_what_is_mounted_on_it_is_not_asked(place: Path, tmp_path: Path, hanging: None) -> None:
    def work() -> None:
        shared_mounts.share(str(place))
        shared_mounts.withdraw(str(place))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive() and below(tmp_path) == []


@pytest.mark.parametrize("steps", [(syscall.MS_BIND,), (syscall.MS_BIND, syscall.MS_PRIVATE)])
@pytest.mark.parametrize("around", [syscall.MS_SHARED, syscall.MS_PRIVATE])
def test_who_was_killed_in_the_middle_of_it_is_followed_up(
    place: Path, tmp_path: Path, steps: tuple[int, ...], around: int
) -> None:
    (tmp_path / "around").mkdir()
    syscall.mount("none", str(tmp_path / "around"), "tmpfs")
    try:
        syscall.mount("none", str(tmp_path / "around"), flags=around)
        shared = tmp_path / "around/shared"
        (shared / "sub").mkdir(parents=True)
        for step in steps:
            syscall.mount(str(shared), str(shared), flags=step)
        shared_mounts.share(str(shared))
        syscall.mount(str(shared), str(tmp_path / "bound"), flags=syscall.MS_BIND)
        syscall.mount("none", str(tmp_path / "bound/sub"), "tmpfs")
        assert below(shared).count(str(shared)) == 1 and below(shared).count(str(shared / "sub")) == 1
    finally:
        syscall.umount(str(tmp_path / "bound"), syscall.MNT_DETACH)
        syscall.umount(str(tmp_path / "around"), syscall.MNT_DETACH)
