"""The size of a volume, where the file system counts what each project takes."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine import API, missing
from harness.wharfd import Wharfd


def make_file_system(kind: str, disk: Path) -> None:
    with disk.open("wb") as file:
        file.truncate(400 << 20)
    options = {"ext4": ("-q", "-O", "quota,project", "-E", "quotatype=prjquota"), "xfs": ("-q",)}[kind]
    subprocess.run([f"mkfs.{kind}", *options, disk], check=True)


@pytest.fixture(params=["ext4", "xfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    kind = request.param
    if missing([f"mkfs.{kind}"]):
        pytest.skip(f"not installed: mkfs.{kind}")
    disk, place = tmp_path / "disk", tmp_path / "place"
    make_file_system(kind, disk)
    place.mkdir()
    # Where they are built in this says so, and nothing else is wrong.
    subprocess.run(["modprobe", "-a", "loop", "quota_v2"], check=False, capture_output=True)
    if subprocess.run(["mount", "-o", "loop,prjquota", disk, place], check=False, capture_output=True).returncode != 0:
        pytest.skip(f"this kernel has no project quotas on {kind}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_volume_holds_what_it_may(place: Path, new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--data-root", str(place / "data"))
    try:
        wharfd.docker("volume", "create", "--opt", "size=8m", "small")
        wharfd.docker("volume", "create", "large")
        write = ("busybox", "sh", "-c", "dd if=/dev/zero of=/v/file bs=1M count=20 2>&1; stat -c %s /v/file")
        said = wharfd.docker("run", "--rm", "-v", "small:/v", *write).text
        assert "No space left" in said or "quota exceeded" in said.lower()
        assert 7 << 20 <= int(said.split()[-1]) <= 8 << 20
        assert int(wharfd.docker("run", "--rm", "-v", "large:/v", *write).text.split()[-1]) == 20 << 20
        # What was removed makes room.
        wharfd.docker(
            "run", "--rm", "-v", "small:/v", "busybox", "sh", "-c", "rm /v/file; head -c 6000000 /dev/zero > /v/b"
        )
        wharfd.docker("volume", "rm", "small", "large")
    finally:
        assert wharfd.stop() == 0


def test_without_such_quotas_a_size_is_refused(wharfd: Wharfd) -> None:
    answer = wharfd.request("POST", f"{API}/volumes/create", {"Name": "sized", "DriverOpts": {"size": "10m"}})
    if answer.status == 201:
        wharfd.docker("volume", "rm", "sized")
        pytest.skip("the file system of the tests has project quotas")
    assert (answer.status, answer.message) == (400, "create sized: quota size requested but no quota support")
    assert wharfd.request("GET", f"{API}/volumes/sized").status == 404
    assert not (wharfd.root / "data/volumes/sized").exists()
