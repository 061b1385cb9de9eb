"""A copy is the same tree in every respect, and nothing in the source leads out of it."""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wharf.errors import EngineError
from wharf.linux.trees import remove_tree
from wharf.volumes.copying import copy_tree


def never() -> bool:
    return False


def copy(source: Path, target: Path, stopped: Callable[[], bool] = never) -> None:
    target.mkdir(exist_ok=True)
    here, there = (os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (source, target))
    try:
        copy_tree(here, there, stopped)
    finally:
        os.close(here)
        os.close(there)


def facts(path: Path) -> dict[str, object]:
    """All that a copy keeps, by relative path."""
    found: dict[str, object] = {}
    for place in (path, *path.rglob("*")):
        info = place.lstat()
        content: object = None
        if place.is_symlink():
            content = place.readlink()
        elif place.is_file():
            content = place.read_bytes()
        attributes = {
            name: os.getxattr(place, name, follow_symlinks=False) for name in os.listxattr(place, follow_symlinks=False)
        }
        owner = (info.st_uid, info.st_gid, info.st_mtime_ns)
        found[str(place.relative_to(path))] = (stat.filemode(info.st_mode), *owner, content, attributes)
    return found


Tree = dict[str, object]
names = st.text(alphabet="ab.é \n*'", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))
leaves = st.one_of(st.binary(max_size=50), st.sampled_from([Path("/etc"), Path(".."), Path("a"), Path("loop")]))
trees: st.SearchStrategy[Tree] = st.recursive(
    st.dictionaries(names, leaves, max_size=4),
    lambda inner: st.dictionaries(names, st.one_of(leaves, inner), max_size=4),
    max_leaves=20,
)


def build(place: Path, tree: Tree) -> None:
    place.mkdir(exist_ok=True)
    for name, content in tree.items():
        if isinstance(content, dict):
            build(place / name, content)
        elif isinstance(content, Path):
            (place / name).symlink_to(content)
        else:
            assert isinstance(content, bytes)
            (place / name).write_bytes(content)
    place.chmod(0o700 | len(tree))
    os.utime(place, ns=(5, 1_000_000_000_000_000_123 + len(tree)))


@settings(max_examples=40, deadline=None)
@given(trees)
def test_a_copy_is_the_same_tree(tree: Tree) -> None:
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory) / "source", Path(directory) / "target"
        build(source, tree)
        copy(source, target)
        assert facts(target) == facts(source)


def test_names_of_one_file_stay_names_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "source/sub").mkdir(parents=True)
    (tmp_path / "source/a").write_text("shared")
    (tmp_path / "source/sub/b").hardlink_to(tmp_path / "source/a")
    (tmp_path / "source/link").symlink_to("a")
    os.link(tmp_path / "source/link", tmp_path / "source/link2", follow_symlinks=False)
    copy(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target/a").samefile(tmp_path / "target/sub/b")
    assert (tmp_path / "target/a").stat().st_ino != (tmp_path / "source/a").stat().st_ino
    assert (tmp_path / "target/link").lstat().st_ino == (tmp_path / "target/link2").lstat().st_ino


def test_holes_stay_holes(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with (tmp_path / "source/sparse").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(20 << 20)
        file.write(b"island")
    copy(tmp_path / "source", tmp_path / "target")
    found = (tmp_path / "target/sparse").stat()
    assert found.st_size == 64 << 20
    assert found.st_blocks * 512 < 1 << 20
    with (tmp_path / "target/sparse").open("rb") as file:
        file.seek(20 << 20)
        assert file.read(8) == b"island\0\0"


def test_the_deepest_tree_costs_no_recursion(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    at = os.open(tmp_path / "source", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    copy(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").joinpath(*["d"] * 1500).is_dir()
    for name in ("source", "target"):  # too deep for who clears temporary directories
        remove_tree(tmp_path / name)


def test_a_link_to_a_directory_is_copied_and_not_entered(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("x")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/out").symlink_to(tmp_path / "secret")
    copy(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target/out").is_symlink()
    (tmp_path / "target/out").unlink()
    assert list((tmp_path / "target").iterdir()) == []


def test_it_stops_when_told(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for number in range(10):
        (tmp_path / f"source/{number}").write_text("x")
    left = iter([False, False, True])
    with pytest.raises(EngineError):
        copy(tmp_path / "source", tmp_path / "target", lambda: next(left))
