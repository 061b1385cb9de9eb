"""For all tests: those that cannot run on this machine say so by name at the end."""

import os
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing here: other work may share the machine.
settings.register_profile("wharf", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wharf")


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
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            terminalreporter.line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
