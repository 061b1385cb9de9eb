"""Rotation: sizes, names, and what a full disk does."""

import gzip
import json
import os
from pathlib import Path

from wharf.runtime.shim.logfile import Log, LogFile


def texts(path: Path) -> list[str]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line)["log"] for line in data.splitlines()]


def test_files_are_rotated_between_entries_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LogFile(str(path), max_size=500, max_files=3), {})
    for number in range(40):
        log.write(1, b"line %d\n" % number)
    log.finish()
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1", "log.2"]  # noqa: PTH208
    assert all(file.stat().st_size <= 500 for file in tmp_path.iterdir())
    kept = texts(tmp_path / "log.2") + texts(tmp_path / "log.1") + texts(path)
    assert kept == [f"line {number}\n" for number in range(40 - len(kept), 40)]


def test_one_large_write_is_rotated_as_many_small_ones_are(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LogFile(str(path), max_size=1000, max_files=100), {})
    log.write(1, b"".join(b"line %d\n" % number for number in range(200)))
    log.finish()
    files = [tmp_path / f"log.{number}" for number in range(len(list(tmp_path.iterdir())) - 1, 0, -1)]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert [text for file in (*files, path) for text in texts(file)] == [f"line {number}\n" for number in range(200)]


def test_a_single_file_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LogFile(str(path), max_size=300, max_files=1), {})
    for number in range(20):
        log.write(2, b"line %d\n" % number)
    log.finish()
    assert texts(path)[-1] == "line 19\n"
    assert path.stat().st_size <= 300


def test_an_entry_larger_than_a_file_may_be_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LogFile(str(path), max_size=100, max_files=2), {})
    log.write(1, b"z" * 500 + b"\n")
    log.write(1, b"next\n")
    log.finish()
    assert texts(path) == ["next\n"]
    assert texts(tmp_path / "log.1") == ["z" * 500 + "\n"]


def test_rotated_files_are_compressed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LogFile(str(path), max_size=500, max_files=3, compress=True), {})
    for number in range(40):
        log.write(1, b"line %d\n" % number)
    log.finish()
    assert sorted(os.listdir(tmp_path)) == ["log", "log.1.gz", "log.2.gz"]  # noqa: PTH208
    assert texts(tmp_path / "log.1.gz")[-1] + texts(path)[0]


def test_a_full_disk_loses_lines_and_counts_them() -> None:
    file = LogFile("/dev/full")
    log = Log(file, {})
    log.write(1, b"lost\n")
    assert file.lost > 0
    log.finish()


def test_a_file_that_somebody_removed_comes_back_at_the_next_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LogFile(str(path), max_size=300, max_files=2), {})
    log.write(1, b"gone\n")
    path.unlink()
    for number in range(20):
        log.write(1, b"line %d\n" % number)
    log.finish()
    assert texts(path)[-1] == "line 19\n" and log.lost == 0


def test_what_was_written_is_cleared_with_all_rotated_files(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(LogFile(str(path), max_size=300, max_files=5, compress=True), {})
    for number in range(40):
        log.write(1, b"line %d\n" % number)
    log.write(1, b"half")
    before = path.stat().st_ino
    log.clear()
    assert os.listdir(tmp_path) == ["log"] and path.stat().st_size == 0  # noqa: PTH208
    assert path.stat().st_ino != before, "who follows could take what comes for what was there"
    log.write(1, b" a line\n")
    log.finish()
    assert texts(path) == ["half a line\n"]
