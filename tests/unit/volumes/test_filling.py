"""Copy-up is all or nothing, whenever its process dies."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wharf.errors import EngineError
from wharf.volumes.directories import Directories

FILES = 400


def never() -> bool:
    return False


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    place = tmp_path / "image"
    for number in range(FILES):
        (place / f"{number % 40}").mkdir(parents=True, exist_ok=True)
        (place / f"{number % 40}" / f"{number}").write_text(str(number))
    place.chmod(0o750)
    return place


def names(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


def fill(driver: Directories, source: Path) -> None:
    with opened(source) as fd:
        driver.fill("vol", fd, never)


def test_a_volume_with_something_in_it_is_left_alone(tmp_path: Path, source: Path) -> None:
    driver = Directories(tmp_path / "volumes")
    driver.ensure("vol")
    (driver.mountpoint("vol") / "mine").write_text("x")
    fill(driver, source)
    assert names(driver.mountpoint("vol")) == ["mine"]


def test_the_directory_that_is_mounted_already_is_the_one_that_is_filled(tmp_path: Path, source: Path) -> None:
    driver = Directories(tmp_path / "volumes")
    driver.ensure("vol")
    before = driver.mountpoint("vol").stat().st_ino
    fill(driver, source)
    after = driver.mountpoint("vol").stat()
    assert (after.st_ino, after.st_mode & 0o7777) == (before, 0o750)
    assert after.st_mtime_ns == source.stat().st_mtime_ns
    assert names(driver.mountpoint("vol")) == names(source)
    assert [path.name for path in (tmp_path / "volumes/vol").iterdir()] == ["_data"]


def test_a_copy_that_was_given_up_leaves_the_volume_empty(tmp_path: Path, source: Path) -> None:
    driver = Directories(tmp_path / "volumes")
    answers = iter([False] * 100 + [True])
    with opened(source) as fd, pytest.raises(EngineError):
        driver.fill("vol", fd, lambda: next(answers))
    assert driver.is_empty("vol")
    assert [path.name for path in (tmp_path / "volumes/vol").iterdir()] == ["_data"]
    fill(driver, source)
    assert names(driver.mountpoint("vol")) == names(source)


def test_a_move_that_was_interrupted_is_finished(tmp_path: Path, source: Path) -> None:
    driver = Directories(tmp_path / "volumes")
    fill(driver, source)
    data, moving = driver.mountpoint("vol"), tmp_path / "volumes/vol/_moving"
    moving.mkdir()
    for number in range(20):
        (data / str(number)).rename(moving / str(number))
    (data / "5").write_text("made by a container meanwhile")
    driver.ensure("vol")
    assert not moving.exists()
    assert {path.name for path in data.iterdir()} == {path.name for path in source.iterdir()}
    assert (data / "5").read_text() == "made by a container meanwhile"


_CHILD = """
import os, sys
from pathlib import Path
from wharf.volumes.directories import Directories
driver = Directories(Path(sys.argv[1]))
driver.ensure("vol")
fd = os.open(sys.argv[2], os.O_RDONLY)
print("ready", flush=True)
driver.fill("vol", fd, lambda: False)
"""


def test_killed_at_any_moment_the_volume_is_empty_or_complete(tmp_path: Path, source: Path) -> None:
    choose = random.Random(7)
    for round in range(12):
        root = tmp_path / f"volumes{round}"
        child = subprocess.Popen([sys.executable, "-c", _CHILD, root, source], stdout=subprocess.PIPE)
        assert child.stdout
        child.stdout.readline()
        time.sleep(choose.uniform(0, 0.06))
        child.kill()
        child.communicate()
        driver = Directories(root)
        driver.ensure("vol")
        assert names(driver.mountpoint("vol")) in ([], names(source))
        fill(driver, source)
        assert names(driver.mountpoint("vol")) == names(source)


def test_usage_counts_a_file_once_whatever_its_names(tmp_path: Path) -> None:
    driver = Directories(tmp_path / "volumes")
    driver.ensure("vol")
    data = driver.mountpoint("vol")
    (data / "sub").mkdir()
    (data / "a").write_bytes(b"x" * 1000)
    (data / "sub/b").hardlink_to(data / "a")
    (data / "sub/c").write_bytes(b"x" * 10)
    assert driver.usage("vol") == 1010
