"""Where the output of a container goes besides its clients, put together from what the launch says.

Only a file is known here; what else there is loads its code when a container asks for it.
"""

import _socket
from collections.abc import Callable
from typing import Any, Protocol

from wharf.runtime.shim.logfile import Log, LogFile
from wharf.runtime.shim.loop import Loop


class Output(Protocol):
    """What keeps, or sends, a container's output."""

    @property
    def is_full(self) -> bool:
        """Whether the container has to wait before it may write more."""

    @property
    def is_idle(self) -> bool:
        """Whether all that it was given has been kept or sent."""

    @property
    def lost(self) -> int:
        """Bytes that could be neither kept nor sent."""

    def write(self, stream: int, data: bytes) -> None:
        """Takes what was read from stream 1 or 2."""

    def clear(self) -> None:
        """Removes what is kept; what is on its way to a receiver goes on."""

    def finish(self) -> None:
        """There will be no more. What is not sent yet goes on being sent, as long as the loop turns."""


def open_output(log: dict[str, Any], own: dict[str, int], loop: Loop, when_room: Callable[[], None]) -> Output | None:
    """`own` has the descriptors "log" and "remote" where there are such. `when_room` is told when is_full has ended."""
    file = None
    if "log" in own:
        file = _open_file(log, own["log"])
    if log["remote"] is not None:
        from wharf.runtime.shim.remote.output import RemoteOutput

        connection = _socket.socket(fileno=own["remote"]) if "remote" in own else None
        return RemoteOutput(file, log["remote"], connection, loop, when_room)
    if file is not None and log["buffer"] is not None:
        from wharf.runtime.shim.buffered import BufferedLog

        return BufferedLog(file, log["buffer"])
    return file


def _open_file(log: dict[str, Any], fd: int) -> Log:
    path, size, files, compress = log["path"], log["max_size"], log["max_files"], log["compress"]
    if log["format"] == "json":
        return Log(LogFile(path, fd, max_size=size, max_files=files, compress=compress), log["attributes"])
    from wharf.runtime.shim import chunks

    file = LogFile(path, fd, max_size=size, max_files=files, compress=compress, cut=chunks.cut)
    return chunks.ChunkLog(file, size)
