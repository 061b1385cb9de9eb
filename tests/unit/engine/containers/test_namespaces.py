"""Namespaces are those of the process that was started, never of another with its number."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from wharf.engine.containers import namespaces
from wharf.linux import pidfd
from wharf.runtime import records


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as started:
        yield started


def record(bundle: Path, pid: int, start_time: int) -> None:
    records.write(bundle, records.STARTED, {"pid": pid, "start_time": start_time})


def test_the_namespace_of_a_running_process_is_found_by_its_path(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    record(tmp_path, process.pid, pidfd.start_time(process.pid))
    descriptor = namespaces.opened(tmp_path, "net")
    assert descriptor is not None
    try:
        expected = os.stat(f"/proc/{process.pid}/ns/net").st_ino  # noqa: PTH116 - pathlib would follow it as a path
        # Another process opens it by the name.
        found = subprocess.run(
            ["stat", "-L", "-c", "%i", namespaces.path_of(descriptor)], check=True, capture_output=True
        )
        assert int(found.stdout) == expected
    finally:
        os.close(descriptor)


def test_another_process_with_the_number_is_not_the_container(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    record(tmp_path, process.pid, pidfd.start_time(process.pid) - 1)
    assert namespaces.opened(tmp_path, "net") is None


def test_after_the_end_there_is_none(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    record(tmp_path, process.pid, pidfd.start_time(process.pid))
    process.kill()
    assert pidfd.has_ended(os.pidfd_open(process.pid), 5.0)
    assert namespaces.opened(tmp_path, "net") is None


def test_what_never_started_has_none(tmp_path: Path) -> None:
    assert namespaces.opened(tmp_path, "pid") is None
