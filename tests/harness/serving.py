"""Servers that tests start, and whether they take connections yet."""

import re
import socket
from pathlib import Path
from typing import Final

from harness.engine import Engine, wait_until

#: Says hello to whoever connects to port 80. It listens all the time, also while it serves somebody.
SERVE: Final = "nc -ll -p 80 -e echo hello"


def serve(engine: Engine, name: str, *flags: str) -> None:
    """A container that says hello at its port 80 from now on."""
    engine.docker("run", "-d", "--name", name, *flags, "busybox", *SERVE.split())
    wait_for_server(engine, name)


def wait_for_server(engine: Engine, container: str, port: int = 80) -> None:
    """Until somebody listens at a TCP port in a container's network."""
    tables = [Path(f"/proc/{engine.state(container)['Pid']}/net/{name}") for name in ("tcp", "tcp6")]
    listening = re.compile(rf":{port:04X} [0:]+ 0A ")
    wait_until(lambda: any(listening.search(table.read_text()) for table in tables), f"{container} listens at {port}")


def takes_connections(path: Path) -> bool:
    """Whether somebody listens at a unix socket, which has its name before that and after the server's death."""
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(path)) == 0
