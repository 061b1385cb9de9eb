"""`make run` and `make stop`, by the scripts behind them: what is to run again runs again."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness.engine import wait_until
from harness.managed_plugin import make_plugin
from harness.wharfd import SYSTEMD, Wharfd

ROOT = Path(__file__).resolve().parents[2]


class Made(Wharfd):
    """The engine of a tree that has the scripts, and the environment of the tests."""

    def __init__(self, *flags: str) -> None:
        super().__init__(*flags)
        self.socket = self.root / "run/wharf.sock"
        shutil.copytree(ROOT / "tools", self.root / "tools")
        (self.root / ".venv").symlink_to(Path(sys.executable).parents[1])

    def _make(self, what: str, *flags: str) -> None:
        command = self.network.command(["sh", f"{self.root}/tools/{what}.sh", *flags])
        with self.log.open("ab") as log:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60)

    def start(self) -> float:
        self._make("run", "--cgroup-parent", self.cgroup if SYSTEMD else f"/{self.cgroup}", *self.flags)
        return 0

    def stop(self, timeout: float = 30) -> int:
        self._make("stop")
        return 0

    @property
    def pid(self) -> int:
        return int((self.root / "run/wharfd.pid").read_text())

    @property
    def running(self) -> bool:
        return (self.root / "run/wharfd.pid").exists()


def test_plugins_and_those_who_use_them_come_back(new_wharfd: Callable[..., Wharfd], tmp_path: Path) -> None:
    engine = new_wharfd(kind=Made, image=False)
    engine.docker("plugin", "create", "shelf", str(make_plugin(tmp_path / "shelf")))
    engine.docker("plugin", "enable", "shelf")
    engine.docker("volume", "create", "-d", "shelf", "books")
    more = ("--restart", "always", "--stop-timeout", "0", "-v", "books:/b")
    engine.docker("run", "-d", "--name", "user", *more, "busybox", "sh", "-c", "echo began >>/b/page; exec sleep 1000")
    engine.stop()
    engine.assert_nothing_left()
    engine.start()
    wait_until(lambda: engine.state("user")["Running"], "the container runs again")
    wait_until(lambda: engine.docker("exec", "user", "cat", "/b/page").text == "began\nbegan", "it has written again")
    engine.docker("rm", "-f", "user")
    engine.docker("plugin", "rm", "-f", "shelf")
