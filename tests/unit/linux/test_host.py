"""What this machine is about to do."""

from pathlib import Path

import pytest

from wharf.linux.host import goes_down


@pytest.mark.parametrize(("state", "answer"), [("stopping", True), ("running", False), ("degraded", False)])
def test_systemd_tells_whether_the_machine_goes_down(
    state: str, answer: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\n[ "$1" = is-system-running ] && echo {state}\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert goes_down(systemd=tmp_path) is answer
    assert goes_down(systemd=tmp_path / "none") is False


def test_without_systemctl_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert goes_down(systemd=tmp_path) is False
