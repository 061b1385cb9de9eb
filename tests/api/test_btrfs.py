"""The storage driver btrfs, on a file system in a file."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import btrfs
from harness.engine import wait_until
from harness.wharfd import Wharfd

pytestmark = btrfs.needed


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with btrfs.mounted(tmp_path) as found:
        yield found


def subvolumes(place: Path) -> list[str]:
    """Their numbers and paths."""
    told = subprocess.run(["btrfs", "subvolume", "list", place], check=True, capture_output=True, text=True).stdout
    found = [line.split() for line in told.splitlines() if not line.endswith("DELETED")]
    return [f"{words[1]} {words[-1]}" for words in found]


def trees(place: Path) -> list[str]:
    """The subvolumes that are trees of images, each with its number."""
    return [line for line in subvolumes(place) if "/btrfs/" in line]


def test_containers_are_snapshots(place: Path, new_wharfd: Callable[..., Wharfd]) -> None:
    wharfd = new_wharfd("--data-root", str(place / "data"), "--storage-driver", "btrfs")
    try:
        assert json.loads(wharfd.docker("info", "-f", "{{json .Driver}}").text) == "btrfs"
        wharfd.docker("run", "--name", "one", "busybox", "sh", "-c", "echo one > /file; rm /etc/group; mkdir -p /a/b")
        wharfd.docker("run", "--name", "two", "busybox", "sh", "-c", "test ! -e /file && test -e /etc/group")
        assert wharfd.docker("diff", "one").text.split("\n") == ["A /a", "A /a/b", "C /etc", "D /etc/group", "A /file"]
        assert wharfd.docker("cp", "one:/file", "-").out.count(b"one") >= 1
        # The image's tree, and one for each container.
        assert len(subvolumes(place)) == 3
        made = trees(place)
        for end in (wharfd.stop, wharfd.kill9):
            end()
            # What a death in the middle of making one leaves, and what became of a layer that is gone.
            for name in (".half", "f" * 64):
                other = place / "data/overlay2/btrfs" / name
                other.mkdir()
                subprocess.run(["btrfs", "-q", "subvolume", "create", other / "tree"], check=True)
            wharfd.start()
            wharfd.docker("run", "--rm", "busybox", "test", "-e", "/etc/group")
            wait_until(lambda: trees(place) == made, "the image's tree is made once, and no other stays")
        wharfd.flags[-1] = "overlay2"
        wharfd.restart()
        wait_until(lambda: trees(place) == [], "another driver has no use for trees of images")
        assert wharfd.docker("inspect", "-f", "{{.Driver}}", "one").text == "btrfs"
        assert wharfd.docker("start", "-a", "one").code == 0
        wharfd.docker("rm", "one", "two")
        wharfd.docker("rmi", "busybox")
        wharfd.restart()
        wait_until(lambda: subvolumes(place) == [], "all is deleted")
    finally:
        assert wharfd.stop() == 0


def test_elsewhere_it_is_refused_in_plain_words(tmp_path: Path) -> None:
    wharfd = Wharfd("--storage-driver", "btrfs", "--data-root", "/dev/shm/wharf-no-btrfs")
    try:
        with pytest.raises(AssertionError, match="btrfs does not work on /dev/shm/wharf-no-btrfs"):
            wharfd.start()
    finally:
        wharfd.close()
        subprocess.run(["rm", "-rf", "/dev/shm/wharf-no-btrfs"], check=True)
