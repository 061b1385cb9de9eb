"""firewalld on an engine's host: in its network namespace, with a system bus and a configuration of its own."""

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.bus import VARIABLE, Bus
from harness.engine import LIMIT, Engine, wait_until

PROGRAMS: Final = ("firewalld", "firewall-cmd", "dbus-daemon")


class Firewalld:
    """Its bus runs until it is left, firewalld itself from start() to stop(). The engine's next start sees the bus."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._bus = Bus()
        self._root = Path(tempfile.mkdtemp(prefix="fw-", dir=engine.root))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._bus.__enter__()
        self._engine.variables[VARIABLE] = self._bus.address
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._process is not None:
            self.stop()
        del self._engine.variables[VARIABLE]
        self._bus.__exit__(kind, error, tb)

    def start(self) -> None:
        (self._root / "config").mkdir(exist_ok=True)
        own = ("--system-config", str(self._root / "config"), "--log-file", str(self._root / "log"))
        with (self._root / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._engine.network.command(self._on_bus("firewalld", "--nofork", "--nopid", *own)),
                stdout=output,
                stderr=output,
            )
        wait_until(lambda: self.command("--state", check=False) == "running", "firewalld runs", timeout=4 * LIMIT)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(2 * LIMIT)
        self._process = None

    def restart_bus(self) -> None:
        """As an upgrade of dbus does it: whoever was connected is cut off, and firewalld is started anew."""
        self.stop()
        self._bus.end()
        self._bus.begin()
        self.start()

    def command(self, *arguments: str, check: bool = True) -> str:
        """What `firewall-cmd` prints."""
        return self._engine.inside(*self._on_bus("firewall-cmd", *arguments), check=check).strip()

    def _on_bus(self, *command: str) -> tuple[str, ...]:
        return ("env", f"{VARIABLE}={self._bus.address}", *command)
