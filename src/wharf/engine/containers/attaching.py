"""A client's streams to and from a container, also before the container runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from wharf.runtime.contract import AttachStream


@dataclass(frozen=True, slots=True)
class AttachOptions:
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    stream: bool = True  # follow what comes from now on
    logs: bool = False  # first replay what the log has

    @property
    def follows(self) -> bool:
        """Whether there is anything to wait for."""
        return self.stream and (self.stdin or self.stdout or self.stderr)


class Attachment:
    """What is read is ready for the client: raw bytes with a TTY, else frames of stdcopy. Close it at the end."""

    def __init__(self, options: AttachOptions, *, tty: bool, on_detach: Callable[[], object] = lambda: None) -> None:
        self.options = options
        self.tty = tty
        self.replay: AsyncIterator[bytes] | None = None  # what is read before all that comes now
        self._on_detach = on_detach
        self._stream: asyncio.Future[AttachStream | None] = asyncio.get_running_loop().create_future()

    def connect(self, stream: AttachStream | None) -> None:
        """The container runs and this is its stream; None when there will be none."""
        if not self._stream.done():
            self._stream.set_result(stream)
        elif stream is not None:
            stream.close()

    async def read(self) -> bytes:
        """The next bytes, b"" at the end."""
        if self.replay is not None:
            if data := await anext(self.replay, b""):
                return data
            self.replay = None
        stream = await asyncio.shield(self._stream)
        return await stream.read() if stream is not None else b""

    async def write(self, data: bytes) -> None:
        """Bytes for stdin; waits until the container runs and reads."""
        stream = await asyncio.shield(self._stream)
        if stream is not None and self.options.stdin:
            await stream.write(data)

    async def end_stdin(self) -> None:
        """The client will send no more."""
        stream = await asyncio.shield(self._stream)
        if stream is not None and self.options.stdin:
            await stream.end_stdin()

    def detached(self) -> None:
        """The user typed the keys that leave the container alone; `close` follows."""
        self._on_detach()

    def close(self) -> None:
        """Leaves the container alone and frees the stream; an attachment that waits is forgotten."""
        if not self._stream.done():
            self._stream.set_result(None)
        elif stream := self._stream.result():
            stream.close()
