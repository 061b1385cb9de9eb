"""The sample volume plugin as a process of its own."""

import signal
import subprocess
import sys
from pathlib import Path

from harness.engine import wait_until
from harness.serving import takes_connections

PROGRAM = Path(__file__).parents[2] / "examples/volume-plugin/plugin.py"


class VolumePlugin:
    def __init__(self, name: str, sockets: Path, root: Path) -> None:
        self.name = name
        self.socket = sockets / f"{name}.sock"
        self.root = root
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, PROGRAM, "--socket", self.socket, "--root", self.root])
        wait_until(lambda: takes_connections(self.socket), "the plugin listens")

    def users(self, volume: str) -> list[str]:
        """Who has a volume mounted, as the plugin knows it."""
        return sorted(path.name for path in (self.root / volume / "users").iterdir())

    def hang(self) -> None:
        """It takes connections, and answers none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def die(self) -> None:
        """Its socket stays, and nobody listens."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.die()
        self.socket.unlink(missing_ok=True)
