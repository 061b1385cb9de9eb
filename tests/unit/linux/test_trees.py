"""Measuring and deleting what somebody hostile made."""

import os
from pathlib import Path

from wharf.linux.trees import remove_tree, tree_size


def test_nothing_there_is_fine(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


def test_a_tree_goes_and_what_it_points_to_stays(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("kept")
    (tmp_path / "tree/a/b").mkdir(parents=True)
    (tmp_path / "tree/a/b/file").write_text("x")
    (tmp_path / "tree/.1").mkdir()  # a name that the deletion itself would choose
    (tmp_path / "tree/.1/.2").mkdir()
    (tmp_path / "tree/.1/.2/x").mkdir()
    (tmp_path / "tree/.2").write_text("x")
    (tmp_path / "tree/a/link").symlink_to(tmp_path / "other")
    remove_tree(tmp_path / "tree")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert (tmp_path / "other/file").read_text() == "kept"


def _deep(path: Path, depth: int, name: str = "d") -> None:
    path.mkdir()
    at = os.open(path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=at)
    os.write(file, b"12345")
    os.close(file)
    os.close(at)


def test_deeper_than_any_path(tmp_path: Path) -> None:
    _deep(tmp_path / "tree", 5000)
    assert tree_size(tmp_path / "tree") == 5
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_long_names_deep_down_are_measured(tmp_path: Path) -> None:
    _deep(tmp_path / "tree", 40, "n" * 255)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert tree_size(tmp_path / "tree") == 5
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    remove_tree(tmp_path / "tree")


def test_a_size_counts_files_once_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/large").write_bytes(bytes(1000))
    (tmp_path / "tree/a").mkdir(parents=True)
    (tmp_path / "tree/a/file").write_bytes(bytes(10))
    os.link(tmp_path / "tree/a/file", tmp_path / "tree/again")
    (tmp_path / "tree/link").symlink_to(tmp_path / "other")
    (tmp_path / "tree/a/link").symlink_to(tmp_path / "other/large")
    assert tree_size(tmp_path / "tree") == 10
    assert tree_size(tmp_path / "nothing") == 0
