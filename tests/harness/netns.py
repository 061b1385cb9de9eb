"""A network namespace for as long as a test needs it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_FORWARDING = "/proc/sys/net/ipv4/ip_forward"


class NetworkNamespace:
    """A namespace kept by a process that ends with us, however we end: it waits for the end of its standard input."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            # A host that forwards nothing, whatever this machine does: new namespaces take that over.
            ["unshare", "--net", "sh", "-c", f"ip link set lo up && echo 0 >{_FORWARDING} && echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"ready\n", "cannot make a network namespace"
        self.path = Path(f"/proc/{self._keeper.pid}/ns/net")
        self.inode = self.path.stat().st_ino

    @property
    def keeper(self) -> int:
        return self._keeper.pid

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command that runs `arguments` inside."""
        return ["nsenter", f"--net={self.path}", *arguments]

    def run(self, *arguments: str, check: bool = True, timeout: float = 120) -> str:
        """Standard output of a program that runs inside."""
        done = subprocess.run(self.command(arguments), capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._keeper.communicate()
