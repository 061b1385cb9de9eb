"""What `wharf search` prints of a registry's answer."""

import pytest

from wharf.cli.commands.system.search import listing

ROWS = [
    {"name": "busybox", "description": "one\nline " + "x" * 60, "star_count": 3000, "is_official": True},
    {"name": "me/box", "description": "", "star_count": 1, "is_official": False},
]
NAMES = ("Name", "Description", "StarCount", "IsOfficial")


def test_the_table() -> None:
    lines = listing(full=False, words=False).show(ROWS, "", NAMES).splitlines()
    assert lines[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert "one line xxx" in lines[1] and "…" in lines[1] and lines[1].endswith("[OK]")
    assert lines[2].split() == ["me/box", "1"]


@pytest.mark.parametrize(("words", "shown"), [(True, "true,false"), (False, "[OK],")])
def test_yes_and_no(words: bool, shown: str) -> None:
    found = listing(full=True, words=words).show(ROWS, "{{.IsOfficial}}", NAMES)
    assert found.splitlines() == shown.split(",")
