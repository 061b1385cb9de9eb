"""Rotation where the disk has room for bytes, but not for one more file."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from wharf.linux import syscall
from wharf.runtime.shim.logfile import Log, LogFile

pytestmark = pytest.mark.kernel


@pytest.fixture
def two_files(tmp_path: Path) -> Iterator[Path]:
    """A file system for two files and no third."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=3,size=1m", "none", place], check=True)
    try:
        yield place
    finally:
        syscall.umount(str(place), syscall.MNT_DETACH)


def test_without_room_for_a_new_file_the_old_one_goes_on(two_files: Path) -> None:
    path = two_files / "log"
    log = Log(LogFile(str(path), max_size=200, max_files=3), {})
    (two_files / "full").touch()
    for number in range(20):
        log.write(1, b"line %d\n" % number)
    (two_files / "full").unlink()
    for number in range(20, 24):
        log.write(1, b"line %d\n" % number)
    log.finish()
    assert log.file.lost == 0
    files = [two_files / "log.1", path]
    texts = [json.loads(line)["log"] for file in files for line in file.read_bytes().splitlines()]
    assert texts == [f"line {number}\n" for number in range(24)]
