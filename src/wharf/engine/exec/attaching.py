"""A client's streams to and from an exec."""

from collections.abc import Callable
from dataclasses import dataclass

from wharf.apitypes import stdcopy
from wharf.engine.exec.record import Exec
from wharf.errors import EngineError
from wharf.runtime.contract import AttachStream


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a client wants to see an exec that it starts."""

    detach: bool = False
    tty: bool = False  # bytes as they come instead of frames
    console_size: tuple[int, int] = (0, 0)  # height, width; (0, 0) takes that of the exec's creation


class ExecAttachment:
    """What is read is ready for the client: raw bytes with `tty`, else frames of stdcopy. Close it at the end."""

    def __init__(
        self,
        one: Exec,
        stream: AttachStream | None,
        *,
        tty: bool,
        first: bytes = b"",
        on_detach: Callable[[], object] = lambda: None,
    ) -> None:
        self.tty = tty
        self.detach_keys = one.detach_keys
        self._exec = one
        self._stream = stream
        self._first = first
        self._on_detach = on_detach

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. The exit code is known by then."""
        if self._first:
            first, self._first = self._first, b""
            return first
        if self._stream is None:
            return b""
        data = await self._stream.read()
        if not data:
            await self._exec.ended.wait()
        return data

    async def write(self, data: bytes) -> None:
        if self._stream is not None and self._exec.config.attach_stdin:
            await self._stream.write(data)

    async def end_stdin(self) -> None:
        if self._stream is not None and self._exec.config.attach_stdin:
            await self._stream.end_stdin()

    def detached(self) -> None:
        """The user typed the keys that leave the process alone; `close` follows."""
        self._on_detach()

    def close(self) -> None:
        """Leaves the process alone and frees the stream."""
        if self._stream is not None:
            self._stream.close()


def told(one: Exec, error: EngineError, *, tty: bool) -> ExecAttachment:
    """What a client sees of an exec that could not be started: the reason, as if the process had written it."""
    text = f"{error}\r\n".encode()
    return ExecAttachment(one, None, tty=tty, first=text if tty else stdcopy.frame("stdout", text))
