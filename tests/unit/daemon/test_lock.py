import os
import subprocess
import sys
from pathlib import Path

import pytest

from wharf.daemon.lock import held
from wharf.errors import Conflict


@pytest.mark.parametrize("shared", ["data", "exec", "pid"])
def test_nothing_is_shared_by_two_daemons(tmp_path: Path, shared: str) -> None:
    def paths(owner: str) -> list[Path]:
        return [tmp_path / (name if name == shared else f"{name}-{owner}") for name in ("data", "exec", "pid")]

    with held(*paths("one")):
        with pytest.raises(Conflict, match=rf"another wharfd \(pid {os.getpid()}\) uses the"), held(*paths("two")):
            pass
        assert paths("one")[2].read_text() == f"{os.getpid()}\n"
    with held(*paths("two")):
        pass


def test_a_killed_daemon_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from wharf.daemon.lock import held\n"
        "paths = [pathlib.Path(sys.argv[1]) / n for n in ('data', 'exec', 'pid')]\n"
        "with held(*paths): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert (tmp_path / "pid").exists()
    with held(tmp_path / "data", tmp_path / "exec", tmp_path / "pid"):
        pass
    assert not (tmp_path / "pid").exists()
