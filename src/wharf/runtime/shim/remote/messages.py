"""A container's output as messages, one a line. Pure."""

from collections.abc import Callable
from typing import Final, Protocol

from wharf.runtime.shim.encoder import LONGEST_LINE

#: What a message takes in memory besides its line; else a container that prints empty lines would fill the host's.
OVERHEAD: Final = 200


class Message:
    """One line, or a piece of one: then `partial` has the id of all, the number of this, and whether it is the last."""

    __slots__ = ("cost", "line", "partial", "stream", "time")

    def __init__(self, stream: int, line: bytes, time: int, partial: tuple[str, int, bool] | None = None) -> None:
        self.stream = stream  # 1 or 2
        self.line = line  # without its newline
        self.time = time  # nanoseconds of Unix time; all pieces of a line have the first one's
        self.partial = partial
        self.cost = len(line) + OVERHEAD  # bytes that it takes in memory, about


class Encoder(Protocol):
    """Makes of a message what the receiver understands."""

    #: Whether each message is sent only after the receiver has acknowledged the one before.
    receipts: bool

    def encode(self, message: Message) -> list[bytes]:
        """Frames: whole datagrams, or parts of a stream of bytes. None for a message that is not sent."""

    def is_receipt(self, data: bytes) -> bool:
        """Whether what the receiver has said acknowledges the last message."""


class Splitter:
    """Cuts one stream into messages. A line longer than LONGEST_LINE comes in pieces, as with json-file."""

    def __init__(self, stream: int, new_id: Callable[[], str]) -> None:
        self._stream = stream
        self._new_id = new_id
        self._rest = b""
        self._open: tuple[str, int, int] | None = None  # of a line in pieces: id, pieces so far, time of the first

    def feed(self, chunk: bytes, time: int) -> list[Message]:
        """What `chunk` completes."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        found: list[Message] = []
        for line in lines:
            while len(line) >= LONGEST_LINE:
                found.append(self._piece(line[:LONGEST_LINE], time, is_last=False))
                line = line[LONGEST_LINE:]
            if self._open is None:
                found.append(Message(self._stream, line, time))
            else:
                found.append(self._piece(line, time, is_last=True))
        while len(rest) >= LONGEST_LINE:
            found.append(self._piece(rest[:LONGEST_LINE], time, is_last=False))
            rest = rest[LONGEST_LINE:]
        self._rest = rest
        return found

    def finish(self, time: int) -> list[Message]:
        """An unfinished last line; it counts as a piece."""
        rest, self._rest = self._rest, b""
        return [self._piece(rest, time, is_last=False)] if rest else []

    def _piece(self, line: bytes, time: int, *, is_last: bool) -> Message:
        id, pieces, first = self._open or (self._new_id(), 0, time)
        self._open = None if is_last else (id, pieces + 1, first)
        return Message(self._stream, line, first, (id, pieces + 1, is_last))
