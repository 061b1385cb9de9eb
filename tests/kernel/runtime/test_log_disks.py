"""Log files on disks that are full, have no room for one more file, or hang."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wharf.linux import syscall
from wharf.logs.formats import CHUNKS, JSON_LINES, Format
from wharf.runtime.shim.buffered import BufferedLog
from wharf.runtime.shim.chunks import ChunkLog, cut
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


@pytest.fixture
def freezable(tmp_path: Path) -> Iterator[Path]:
    """A file system whose writing can be stopped."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_disk_that_hangs_holds_back_nobody_whose_log_is_non_blocking(freezable: Path) -> None:
    path = freezable / "log"
    log = BufferedLog(Log(LogFile(str(path)), {}), room=10_000)
    log.write(1, b"before\n")
    while not log.is_idle:
        time.sleep(0.001)
    subprocess.run(["fsfreeze", "-f", freezable], check=True)
    try:
        for number in range(2000):
            log.write(1, b"line %04d\n" % number)  # would not return
        assert log.lost > 0 and not log.is_idle
        log.finish()
    finally:
        subprocess.run(["fsfreeze", "-u", freezable], check=True)
    while not log.is_idle:
        time.sleep(0.001)
    texts = [json.loads(line)["log"] for line in path.read_bytes().splitlines()]
    kept = [f"line {number:04}\n" for number in range(2000)][: len(texts) - 1]
    assert texts == ["before\n", *kept] and log.lost == 10 * (2000 - len(kept))
    assert 900 <= len(kept) <= 1100


def json_log(path: Path) -> Log:
    return Log(LogFile(str(path), max_size=3000, max_files=3), {})


def chunk_log(path: Path) -> Log:
    return ChunkLog(LogFile(str(path), max_size=3000, max_files=3, cut=cut), 3000)


@pytest.mark.parametrize(("make", "format"), [(json_log, JSON_LINES), (chunk_log, CHUNKS)])
def test_a_full_disk_loses_whole_entries_and_what_comes_later_is_kept(
    two_files: Path, make: Callable[[Path], Log], format: Format
) -> None:
    path, filling = two_files / "log", two_files / "filling"  # so there is no room for a next file either
    log = make(path)
    log.write(1, b"first\n")
    filling.write_bytes(bytes((1 << 20) - 3 * 4096))
    for _ in range(40):
        log.write(1, b"x" * 2000 + b"\n")
    assert log.lost > 0
    filling.unlink()
    log.write(1, b"last\n")
    log.finish()
    entries, rest = format.parse(path.read_bytes())
    assert (entries[0].line, entries[-1].line, rest) == (b"first\n", b"last\n", b"")
    assert all(entry.line == b"x" * 2000 + b"\n" for entry in entries[1:-1])
