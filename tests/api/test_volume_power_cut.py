"""Volumes after the power was cut: the next engine finds what had been written to the disk by then, and no more."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.engine import missing
from harness.wharfd import Wharfd

pytestmark = pytest.mark.skipif(bool(missing(["mkfs.ext4"])), reason="not installed: mkfs.ext4")


class Disk:
    """A file system in a file. What only the kernel's memory has is lost with a cut."""

    def __init__(self, directory: Path) -> None:
        self.file, self.place = directory / "disk", directory / "place"
        with self.file.open("wb") as file:
            file.truncate(256 << 20)
        subprocess.run(["mkfs.ext4", "-q", self.file], check=True)
        self.place.mkdir()
        self.mount()

    def mount(self) -> None:
        # It shall write nothing by itself but what it is told to, for as long as the test takes.
        subprocess.run(["mount", "-o", "loop,commit=300", self.file, self.place], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.place], check=True)

    def photograph(self) -> Path:
        """The disk as it is at this moment."""
        return Path(shutil.copy(self.file, self.file.with_name("photograph")))

    def become(self, photograph: Path) -> None:
        """After unmount(): goes on from that moment."""
        photograph.replace(self.file)
        self.mount()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    if disk.place.is_mount():
        disk.unmount()


def archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo("file")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"tar\n"))
    return stream.getvalue()


def test_no_acknowledged_volume_and_no_synced_data_is_lost(disk: Disk, new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--data-root", str(disk.place / "data"))
    try:
        write = ("busybox", "sh", "-c", "echo one > /v/file; sync /v/file; sync -f /v/file 2>/dev/null || sync")
        for name in ("kept", "old", "gone"):
            wharfd.docker("volume", "create", "--label", f"of={name}", name)
            wharfd.docker("run", "--rm", "-v", f"{name}:/v", *write)
        wharfd.docker("volume", "rm", "gone")
        wharfd.wharf("volume", "rename", "old", "new")
        wharfd.wharf("volume", "clone", "new", "copy")
        wharfd.wharf("volume", "import", "third", input=archive())
        wharfd.docker("volume", "create", "last")
        photograph = disk.photograph()
        wharfd.kill9()
        disk.unmount()
        disk.become(photograph)
        wharfd.start()
        found = wharfd.docker("volume", "ls", "--format", "{{.Name}}/{{.Labels}}").text.split()
        assert sorted(found) == ["copy/", "kept/of=kept", "last/", "new/of=old", "third/"]
        contents = {path.parent.parent.name: path.read_text() for path in disk.place.glob("data/volumes/*/_data/file")}
        assert contents == {"kept": "one\n", "new": "one\n", "copy": "one\n", "third": "tar\n"}
        wharfd.docker("run", "--rm", "-v", "last:/v", "busybox", "true")
    finally:
        if wharfd.running:
            assert wharfd.stop() == 0
