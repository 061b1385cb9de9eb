"""A system bus (D-Bus) of a test's own, which everybody may use."""

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.engine import LIMIT, wait_until
from harness.serving import takes_connections

VARIABLE: Final = "DBUS_SYSTEM_BUS_ADDRESS"
_SETTINGS: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/> <allow send_type="signal"/>
    <allow send_requested_reply="true"/> <allow receive_type="method_call"/> <allow receive_type="signal"/>
    <allow receive_requested_reply="true"/>
  </policy>
</busconfig>
"""


class Bus:
    """From its entry, or begin(), to end() or until it is left."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bus-", dir="/tmp")
        self._path = Path(self._directory.name, "bus")
        self.address = f"unix:path={self._path}"

    def __enter__(self) -> Self:
        self.begin()
        return self

    def begin(self) -> None:
        """At the same place each time."""
        settings = Path(self._directory.name, "conf")
        settings.write_text(_SETTINGS.format(path=self._path))
        command = ["dbus-daemon", f"--config-file={settings}", "--nofork", "--nopidfile"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: takes_connections(self._path), "there is a bus")

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(LIMIT)
        self._path.unlink(missing_ok=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.end()
        self._directory.cleanup()
