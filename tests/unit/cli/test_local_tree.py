"""Trees of this machine as archives and back, also from a server that means harm."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from wharf.cli.local_tree import pack, rename, renamed, unpack
from wharf.errors import EngineError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    (top / "file").write_bytes(b"x" * 70_000)
    (top / "file").chmod(0o750)
    (top / "sub/link").symlink_to("../file")
    os.link(top / "file", top / "sub/hard")
    os.mkfifo(top / "pipe")
    return top


def archive(*members: tuple[str, bytes, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, text in members:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, 0o755
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                entry.linkname = text
                tar.addfile(entry)
            else:
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def test_there_and_back(tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    assert unpack(pack(str(tree), "old"), str(target), lambda name: rename(name, "old", "new")) == 70_000
    new = target / "new"
    assert (new / "file").read_bytes() == b"x" * 70_000
    assert (new / "file").stat().st_mode & 0o777 == 0o750
    assert (new / "sub/link").readlink() == Path("../file")
    assert (new / "sub/hard").stat().st_ino == (new / "file").stat().st_ino
    assert (new / "pipe").is_fifo()


def test_an_archive_can_be_renamed_on_the_way(tree: Path) -> None:
    data = b"".join(renamed(pack(str(tree), "old"), "old", "new"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert set(tar.getnames()) == {"new", *(f"new/{n}" for n in ("file", "pipe", "sub", "sub/link", "sub/hard"))}
        found = tar.extractfile("new/sub/hard")
        assert found is not None and len(found.read()) == 70_000


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("a", "a", "b", "b"),
        ("a/x", "a", "b", "b/x"),
        ("ab/x", "a", "b", "ab/x"),
        ("./x", ".", "b", "b/x"),
        ("/x", "/", "b", "b/x"),
        ("/", "/", "b", "b"),
    ],
)
def test_names(name: str, old: str, new: str, expected: str) -> None:
    assert rename(name, old, new) == expected


@pytest.mark.parametrize(
    "data",
    [
        archive(("../outside", tarfile.REGTYPE, "x")),
        archive(("a/../../outside", tarfile.REGTYPE, "x")),
        archive(("link", tarfile.SYMTYPE, "../outside-directory"), ("link/file", tarfile.REGTYPE, "x")),
        archive(("link", tarfile.SYMTYPE, "../outside-file"), ("hard", tarfile.LNKTYPE, "../outside-file")),
    ],
)
def test_a_hostile_archive_stays_inside(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "outside-directory").mkdir()
    (tmp_path / "outside-file").write_text("mine")
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(EngineError):
        unpack([data], str(target), lambda name: name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside-directory", "outside-file", "target"]
    assert not list((tmp_path / "outside-directory").iterdir())
    assert (tmp_path / "outside-file").read_text() == "mine"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    target = tmp_path / "target"
    target.mkdir()
    data = archive(("link", tarfile.SYMTYPE, "../outside"), ("link", tarfile.REGTYPE, "theirs"))
    unpack([data], str(target), lambda name: name)
    assert ((tmp_path / "outside").read_text(), (target / "link").read_text()) == ("mine", "theirs")


def test_kinds_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "b").mkdir()
    for data in (archive(("a", tarfile.DIRTYPE, "")), archive(("b", tarfile.REGTYPE, "x"))):
        with pytest.raises(EngineError, match="cannot overwrite"):
            unpack([data], str(tmp_path), lambda name: name)


def test_a_damaged_archive(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="damaged"):
        unpack([b"this is no archive" * 100], str(tmp_path), lambda name: name)
