"""A directory tree as an archive, read back by Python's tarfile."""

import io
import os
import resource
import tarfile
import threading
from pathlib import Path

import pytest

from wharf.snapshots.packing import Packer


def pack(top: Path, name: bytes = b"top", left_out: frozenset[bytes] = frozenset()) -> tarfile.TarFile:
    read, write = os.pipe()
    pieces = []

    def collect() -> None:
        with os.fdopen(read, "rb") as source:
            pieces.append(source.read())

    reader = threading.Thread(target=collect)
    reader.start()
    descriptor = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        packer = Packer(write, left_out=left_out)
        packer.tree(descriptor, name)
        packer.end()
    finally:
        os.close(descriptor)
        os.close(write)
        reader.join()
    return tarfile.open(fileobj=io.BytesIO(pieces[0]))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "sub/deep").mkdir(parents=True)
    (top / "small").write_bytes(b"small")
    (top / "sub/large").write_bytes(bytes(range(256)) * 2000)
    (top / "sub/empty").touch(mode=0o600)
    os.link(top / "small", top / "sub/again")
    (top / "link").symlink_to("/etc/passwd")
    os.mkfifo(top / "pipe")
    return top


def test_all_kinds(tree: Path) -> None:
    tar = pack(tree)
    found = {member.name: member for member in tar}
    assert set(found) == {
        "top",
        *(
            f"top/{name}"
            for name in ("small", "sub", "sub/deep", "sub/large", "sub/empty", "sub/again", "link", "pipe")
        ),
    }
    assert found["top/sub"].isdir() and found["top/pipe"].isfifo()
    assert found["top/link"].linkname == "/etc/passwd"
    assert found["top/sub/again"].islnk() and found["top/sub/again"].linkname == "top/small"
    large = tar.extractfile("top/sub/large")
    assert large is not None and large.read() == bytes(range(256)) * 2000
    assert found["top/sub/empty"].mode == 0o600


@pytest.mark.parametrize(("name", "expected"), [(b"", "small"), (b"/", "/small"), (b".", "./small"), (b"a", "a/small")])
def test_names_of_the_top(tree: Path, name: bytes, expected: str) -> None:
    assert expected in pack(tree, name).getnames()


def test_what_is_left_out(tree: Path) -> None:
    names = pack(tree, left_out=frozenset({b"sub", b"pipe"})).getnames()
    assert names == ["top", "top/link", "top/small"]


def test_depth_costs_no_descriptors(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = max(int(fd) for fd in os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 100, before[1]))
    try:
        assert len(pack(tmp_path).getnames()) == 301
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_file_that_shrinks_is_filled_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    real = os.sendfile

    def cut(output: int, file: int, offset: int | None, count: int) -> int:
        (tmp_path / "file").write_bytes(b"x" * 10)
        return real(output, file, offset, count)

    monkeypatch.setattr(os, "sendfile", cut)
    tar = pack(tmp_path)
    found = tar.extractfile("top/file")
    assert found is not None and len(found.read()) == 300_000
