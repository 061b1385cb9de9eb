"""What `make test-vm` runs is there, and what kernels lack is run by it."""

from pathlib import Path

import pytest

from vm.suites import SUITES, Suite, shown_by

ROOT = Path(__file__).resolve().parents[2]
#: The first asks for what few machines have, the second only reads the words.
ELSEWHERE = {"tests/api/test_platforms.py", "tests/conftest.py"}


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_the_files_of_a_suite_are_there(suite: Suite) -> None:
    assert [file for file in suite.tests if not (ROOT / file).is_file()] == []


def test_what_a_kernel_may_lack_is_shown_in_the_machine() -> None:
    skipping = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("*.py")
        if "this kernel has no " in file.read_text() and "architecture" not in file.parts
    }
    assert {file for file in skipping - ELSEWHERE if not shown_by(file)} == set()
