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

#: How the reason of a skip begins that the virtual machine is made for.
LACKS: Final = "this kernel has no "
#: The virtual machine of `make test-vm` says so.
IN_VM: Final = "WHARF_TEST_VM" in os.environ


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("kernel") or item.get_closest_marker("peer"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = _skipped(terminalreporter)
    if skipped:
        terminalreporter.section("tests that could not run here")
        for test, reason in skipped:
            terminalreporter.line(f"{test}: {reason}{_elsewhere(test, reason)}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What the virtual machine lacks, too, would be shown nowhere, so its suite fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_VM and reporter and any(_suites(test) and reason.startswith(LACKS) for test, reason in _skipped(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped(reporter: pytest.TerminalReporter) -> list[tuple[str, str]]:
    """Tests and why they could not run."""
    found = []
    for report in reporter.stats.get("skipped", []):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        found.append((report.nodeid, text.removeprefix("Skipped: ")))
    return found


def _suites(test: str) -> str:
    return shown_by(test.partition("::")[0])


def _elsewhere(test: str, reason: str) -> str:
    """How to see a test that this machine is not made for."""
    if IN_VM or not _suites(test) or not reason.startswith((LACKS, "not installed: ", "not in a machine ")):
        return ""
    return f" (`make test-vm` shows it, suite {_suites(test)})"
