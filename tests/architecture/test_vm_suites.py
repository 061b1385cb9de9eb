"""What `make test-vm` runs is there, and what kernels lack is run by it."""

from pathlib import Path

import pytest

from vm.suites import SUITES, Suite, shown_by

ROOT = Path(__file__).resolve().parents[2]
#: It asks for an emulator of another processor, too.
ELSEWHERE = {"tests/api/test_platforms.py"}


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_the_files_of_a_suite_are_there(suite: Suite) -> None:
    assert [file for file in suite.tests if not (ROOT / file).is_file()] == []


def test_what_a_kernel_may_lack_is_shown_in_the_machine() -> None:
    skipping = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("test_*.py")
        if file != Path(__file__) and any(word in file.read_text() for word in ("this kernel has no ", "harness.links"))
    }
    assert {file for file in skipping - ELSEWHERE if not shown_by(file)} == set()
