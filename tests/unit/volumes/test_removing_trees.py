"""Deleting what somebody hostile made."""

import os
from pathlib import Path

from wharf.volumes.removal import remove_tree


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


def test_deeper_than_any_path(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    at = os.open(tmp_path / "tree", os.O_RDONLY)
    for _ in range(5000):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
