"""A file that is bound elsewhere gets new contents in place."""

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from wharf.linux.files import rewrite


@given(st.lists(st.text("ab\nä", max_size=40), min_size=1, max_size=5))
def test_the_same_file_has_the_last_contents(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hosts"
        path.touch()
        kept = path.stat().st_ino
        for text in texts:
            rewrite(path, text)
            assert path.read_text() == text
        assert path.stat().st_ino == kept and [one.name for one in Path(directory).iterdir()] == ["hosts"]


def test_what_somebody_has_made_huge_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.touch()
    os.truncate(path, 1 << 40)
    rewrite(path, "small\n")
    assert path.read_bytes() == b"small\n"
