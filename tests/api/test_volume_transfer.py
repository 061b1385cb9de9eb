"""Volumes that are renamed, exported, imported and cloned."""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import btrfs
from harness.engine import API
from harness.wharfd import Wharfd

MAKE = (
    "cd /v; mkdir -p dir; echo one > dir/file; ln dir/file twin; ln -s dir/file link; chown 7:8 dir/file;"
    " chmod 4750 dir/file; mkfifo pipe; chmod 1770 .; chown 5:6 ."
)
TAR = {"Content-Type": "application/x-tar"}
LIST = "cd /v; find . | sort; stat -c '%n %F %a %u:%g %h' . dir dir/file twin pipe; readlink link; cat twin"


@pytest.fixture
def full(wharfd: Wharfd) -> Iterator[str]:
    """A volume `full`; what a container lists of it."""
    look(wharfd, "full", MAKE)
    yield look(wharfd, "full")
    wharfd.remove_all()
    for name in wharfd.docker("volume", "ls", "-q").text.split():
        wharfd.docker("volume", "rm", name)


def look(wharfd: Wharfd, volume: str, script: str = LIST) -> str:
    return wharfd.docker("run", "--rm", "-v", f"{volume}:/v", "busybox", "sh", "-c", script).text


def test_a_clone_has_all_and_goes_its_own_way(wharfd: Wharfd, full: str) -> None:
    assert wharfd.wharf("volume", "clone", "full", "copy").text == "copy"
    assert look(wharfd, "copy") == full
    look(wharfd, "copy", "echo two > /v/dir/file")
    assert look(wharfd, "full") == full
    refused = wharfd.wharf("volume", "clone", "full", "copy", check=False)
    assert refused.code == 1 and "a volume with the name copy exists" in refused.error
    assert wharfd.request("POST", f"{API}/volumes/none/clone?name=xx").status == 404
    assert wharfd.request("POST", f"{API}/volumes/full/clone?name=..").status == 400


def test_an_archive_there_and_back(wharfd: Wharfd, full: str, tmp_path: Path) -> None:
    wharfd.wharf("volume", "export", "-o", str(tmp_path / "v.tar"), "full")
    with tarfile.open(tmp_path / "v.tar") as archive:
        assert archive.getmember("./dir/file").mode == 0o4750
    assert wharfd.wharf("volume", "import", "back", str(tmp_path / "v.tar")).text == "back"
    assert look(wharfd, "back") == full
    packed = subprocess.run(["gzip", "-c", tmp_path / "v.tar"], check=True, capture_output=True).stdout
    wharfd.wharf("volume", "import", "zipped", input=packed)
    assert look(wharfd, "zipped") == full
    refused = wharfd.wharf("volume", "import", "back", input=packed, check=False)
    assert refused.code == 1 and "a volume with the name back exists" in refused.error


def test_an_archive_that_is_none_makes_no_volume(wharfd: Wharfd, full: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("good"))
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "/"
        archive.addfile(link)
        evil = tarfile.TarInfo("out/wharf-escaped")
        archive.addfile(evil)
    for body in (b"no archive at all" * 100, stream.getvalue()[:700]):
        answer = wharfd.request(
            "POST", f"{API}/volumes/bad/import", body, headers={"Content-Type": "application/x-tar"}
        )
        assert answer.status == 400, answer.body
        assert wharfd.request("GET", f"{API}/volumes/bad").status == 404
    wharfd.wharf("volume", "import", "evil", input=stream.getvalue(), check=False)
    assert not Path("/wharf-escaped").exists()
    left = wharfd.root / "data/volumes/.removed"
    assert not left.exists() or list(left.iterdir()) == []


def test_a_new_name(wharfd: Wharfd, full: str) -> None:
    wharfd.docker("create", "--name", "user", "-v", "full:/v", "busybox", "true")
    refused = wharfd.wharf("volume", "rename", "full", "other", check=False)
    assert refused.code == 1 and "rename full: volume is in use - [" in refused.error
    wharfd.docker("rm", "user")
    wharfd.wharf("volume", "rename", "full", "other")
    assert "full" not in wharfd.docker("volume", "ls", "-q").text.split()
    assert look(wharfd, "other") == full


@btrfs.needed
def test_a_clone_shares_blocks_where_it_can(new_wharfd: Callable[..., Wharfd], tmp_path: Path) -> None:
    with btrfs.mounted(tmp_path, size=256 << 20) as place:
        wharfd = new_wharfd("--data-root", str(place / "data"))
        wharfd.docker("volume", "create", "big")
        (place / "data/volumes/big/_data/file").write_bytes(os.urandom(100 << 20))
        subprocess.run(["sync", "-f", place], check=True)
        before = os.statvfs(place).f_bavail
        wharfd.wharf("volume", "clone", "big", "copy")
        subprocess.run(["sync", "-f", place], check=True)
        # A copy would not even have fitted.
        assert (before - os.statvfs(place).f_bavail) * 4096 < 20 << 20
        copied = place / "data/volumes/copy/_data/file"
        assert copied.read_bytes() == (place / "data/volumes/big/_data/file").read_bytes()
        assert wharfd.stop() == 0
