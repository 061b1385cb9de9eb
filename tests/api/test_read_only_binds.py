"""A read-only bind of a directory on which something else is mounted."""

from pathlib import Path

import pytest

from harness.wharfd import Wharfd

MOUNTED = Path("/dev")  # has /dev/shm, which is a file system of its own


def test_nothing_below_a_read_only_bind_can_be_written(wharfd: Wharfd) -> None:
    if not (MOUNTED / "shm").is_mount():
        pytest.skip("nothing is mounted on /dev/shm here")
    told = wharfd.docker("run", "--rm", "-v", f"{MOUNTED}:/m:ro", "busybox", "touch", "/m/shm/wharf-test", check=False)
    (MOUNTED / "shm/wharf-test").unlink(missing_ok=True)
    assert told.code == 1
    assert "Read-only file system" in told.error


def test_a_file_is_bound_read_only_too(wharfd: Wharfd, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_text("kept\n")
    ran = wharfd.docker(
        "run", "--rm", "-v", f"{source}:/file:ro", "busybox", "sh", "-c", "cat /file; echo x > /file", check=False
    )
    assert ran.out == b"kept\n" and "Read-only file system" in ran.error
    assert source.read_text() == "kept\n"
