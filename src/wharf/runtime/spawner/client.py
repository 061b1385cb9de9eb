"""wharfd's side of the spawner: starts it, asks it for shims, and starts another when it has died."""

import array
import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import wharf
from wharf.errors import InvalidArgument, Unavailable
from wharf.linux.null import open_private_null
from wharf.runtime import wire

#: What this process was given. The daemon takes more for itself; containers shall not have what it has.
_OPEN_FILES: Final = resource.getrlimit(resource.RLIMIT_NOFILE)
_SOURCE: Final = str(Path(wharf.__file__).parents[1])
# -I -S: neither the user's environment nor site-packages; it starts in half the time and shims stay small.
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[2]); from wharf.runtime.spawner import standins; standins.place();"
    "from wharf.runtime.spawner.main import main; main()"
)


class Spawner:
    """A running spawner process. Made at once, without waiting for it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Shims inherit its 0 and 1, and give them to containers: see linux.null.
        with theirs, os.fdopen(open_private_null(), "rb") as null:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START, str(theirs.fileno()), _SOURCE],
                stdin=null,
                stdout=null,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env={},
            )
        resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, _OPEN_FILES)
        ours.setblocking(False)
        self._requests = ours

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def spawn(self, launch: dict[str, Any], program: int | None = None) -> socket.socket:
        """A new shim, as our end of its connection; `program` is a sealed copy of the runtime.

        Raises Unavailable when no spawner can be started, InvalidArgument for a launch that is too long.
        """
        data = json.dumps(launch).encode()
        if len(data) > wire.LONGEST_LAUNCH:
            # All else in it is a path or a number.
            raise InvalidArgument(
                "the labels and variables that the container's log options add to each line are too long:"
                f" {len(data)} bytes, and at most {wire.LONGEST_LAUNCH} can be given"
            )
        for _ in range(2):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            ours.setblocking(False)
            try:
                with theirs:
                    await self._send(data, [theirs.fileno(), *(() if program is None else (program,))])
                return ours
            except OSError:
                ours.close()
                self._restart()
            except BaseException:
                ours.close()
                raise
        raise Unavailable("cannot start the process that starts containers")

    async def _send(self, data: bytes, fds: list[int]) -> None:
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        while True:
            try:
                self._requests.sendmsg([data], control, socket.MSG_NOSIGNAL)
                return
            except BlockingIOError:
                await asyncio.sleep(0.001)  # it is busy forking; packets queue in the kernel, few at a time

    def _restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        """Ends the spawner; its shims live on."""
        self._requests.close()
        if self._process is not None:
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def close_all(fds: list[int]) -> None:
    """Closes descriptors that arrived and nobody took."""
    for fd in fds:
        os.close(fd)
