"""Execs from the daemon's side: asked for on the connection to the shim, each with one of its own for its streams.

A daemon that comes back knows nothing of the execs of its predecessor: they go on, and their shim forgets them at their
end.
"""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any, Final

from wharf.errors import EngineError
from wharf.runtime import wire
from wharf.runtime.contract import AttachStream, ExecLaunch
from wharf.runtime.failure import RuntimeFailed, explain_exec
from wharf.runtime.shim_connection import ShimStream

#: The end of a process whose shim has gone: it was killed with its container.
_KILLED: Final = 137


class ShimExec:
    """An ExecProcess."""

    def __init__(self, execs: "ShimExecs", launch: ExecLaunch) -> None:
        loop = asyncio.get_running_loop()
        self.id = launch.id
        self.command = launch.command
        self.pid = 0
        self.stream: AttachStream | None = None
        self._execs = execs
        self.started: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.started.add_done_callback(lambda done: done.exception())  # who started it may have left

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    async def resize(self, height: int, width: int) -> None:
        if not self.ended.done():
            await self._execs.tell({"op": "exec_resize", "id": self.id, "height": height, "width": width})

    async def signal(self, number: int) -> None:
        if not self.ended.done():
            await self._execs.tell({"op": "exec_signal", "id": self.id, "number": number})


class ShimExecs:
    """The execs of one container that this daemon has started. `connection` stays its monitor's."""

    def __init__(self, bundle: Path, connection: socket.socket) -> None:
        self._bundle = bundle
        self._connection = connection
        self._known: dict[str, ShimExec] = {}

    async def start(self, launch: ExecLaunch) -> ShimExec:
        """See Monitor.execute()."""
        one = ShimExec(self, launch)
        self._known[launch.id] = one
        try:
            await self._ask(one, launch)
            await asyncio.shield(one.started)
        except BaseException:
            if one.stream is not None:
                one.stream.close()
            raise
        return one

    async def _ask(self, one: ShimExec, launch: ExecLaunch) -> None:
        message = {
            "op": "exec",
            "id": launch.id,
            "tty": launch.tty,
            "framed": launch.framed,
            "attached": launch.attached,
            "stdin": launch.stdin,
            "stdout": launch.stdout,
            "stderr": launch.stderr,
            "console_size": launch.console_size,
        }
        try:
            # Environments may be large; the connection is for short messages, which go whole or not at all.
            _write(self._bundle / f"exec-{launch.id}.json", launch.process)
            if not launch.attached:
                await self.tell(message)
                return
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            ours.setblocking(False)
            one.stream = ShimStream(ours)
            with theirs:
                await self.tell(message, (theirs.fileno(),))
        except BaseException:
            self._known.pop(launch.id, None)
            (self._bundle / f"exec-{launch.id}.json").unlink(missing_ok=True)
            raise

    async def tell(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        """Sends to the shim. Raises EngineError when it has gone."""
        while self._connection.fileno() >= 0:
            try:
                wire.send(self._connection, message, fds)
                return
            except BlockingIOError:
                await asyncio.sleep(0.002)  # it is busy with what others asked
            except OSError:
                break
        raise EngineError("the container has ended")

    def understand(self, message: dict[str, Any]) -> None:
        """News from the shim; of execs that this daemon did not start there is nothing to do."""
        one = self._known.get(message["id"])
        if one is None:
            return
        match message["event"]:
            case "exec_started":
                one.pid = message["pid"]
                if not one.started.done():
                    one.started.set_result(None)
            case "exec_failed":
                del self._known[one.id]
                _fail(one, explain_exec(message["error"], one.command))
            case "exec_exit":
                del self._known[one.id]
                one.ended.set_result(message["code"])

    def close(self) -> None:
        """The container has ended, or nobody listens any more."""
        known, self._known = self._known, {}
        for one in known.values():
            if one.started.done():
                one.ended.set_result(_KILLED)
            else:
                _fail(one, explain_exec("the container has ended", one.command))


def _fail(one: ShimExec, error: RuntimeFailed) -> None:
    if not one.started.done():
        one.started.set_exception(error)
    one.ended.set_result(error.exit_code)


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:  # what a full disk takes of it is no error yet
            view = view[file.write(view) :]
