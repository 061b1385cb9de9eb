"""What iptables-legacy prints, by a program that prints the same."""

from pathlib import Path

import pytest

from wharf.linux import legacy_tables


def test_a_comment_may_have_any_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "iptables"
    program.write_text(
        "#!/bin/sh\nprintf '%b' '-P FORWARD ACCEPT\\n-A FORWARD -m comment --comment \"a\\0377\\f\\r-P\" -j DROP\\n'\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(legacy_tables, "_PROGRAMS", {4: str(program)})
    lines = legacy_tables.run(4, "-S")
    assert lines == ["-P FORWARD ACCEPT", '-A FORWARD -m comment --comment "a\ufffd\f\r-P" -j DROP']
