"""For all tests: those that cannot run on this machine say so by name at the end."""

import os
from collections.abc import Iterable
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from vm.suites import shown_by

# How long an example takes says nothing here: other work may share the machine.
settings.register_profile("wharf", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wharf")

#: The virtual machine of `make test-vm` says so.
IN_VM: Final = "WHARF_TEST_VM" in os.environ


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("kernel") or item.get_closest_marker("peer"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("tests that could not run here")
        for report in skipped:
            text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            reason = text.removeprefix("Skipped: ")
            terminalreporter.line(f"{report.nodeid}: {reason}{_elsewhere(report.nodeid, reason)}")


def _elsewhere(test: str, reason: str) -> str:
    """How to see a test that this machine is not made for."""
    suite = shown_by(test.partition("::")[0])
    if IN_VM or not suite or not reason.startswith(("this kernel has no ", "not installed: ", "not in a machine ")):
        return ""
    return f" (`make test-vm` shows it, suite {suite})"
