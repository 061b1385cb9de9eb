"""What is thrown away is out of sight at once, and gone in the end, whoever died in between."""

from pathlib import Path

import pytest

from wharf.errors import EngineError
from wharf.linux.trash import Trash


def tree(path: Path) -> Path:
    (path / "deep" / "deeper").mkdir(parents=True)
    (path / "deep" / "file").write_text("x")
    return path


def test_what_is_taken_is_gone(tmp_path: Path) -> None:
    trash = Trash(tmp_path / "trash")
    trash.open()
    trash.take(tree(tmp_path / "one"))
    trash.take(tmp_path / "nobody")
    assert not (tmp_path / "one").exists()
    trash.close()
    assert list((tmp_path / "trash").iterdir()) == []


def test_what_an_earlier_process_left_is_deleted(tmp_path: Path) -> None:
    tree(tmp_path / "trash" / "left")
    trash = Trash(tmp_path / "trash")
    trash.open()
    trash.close()
    assert list((tmp_path / "trash").iterdir()) == []


def test_what_cannot_be_taken_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot remove"):
        Trash(tmp_path / "not" / "there").take(tree(tmp_path / "one") / "deep" / "file" / "inside")
