"""The framing of stdout and stderr on one connection: stream number, three zero bytes, length, payload. Pure."""

import struct
from collections.abc import Iterator
from typing import Final

HEADER: Final = struct.Struct(">BxxxI")
NUMBERS: Final = {"stdin": 0, "stdout": 1, "stderr": 2, "systemerr": 3}
_NAMES: Final = {number: name for name, number in NUMBERS.items()}
#: A length beyond this is no frame but a stream that is not framed at all (4 GiB would be asked for).
_LONGEST: Final = 256 * 1024 * 1024


def frame(stream: str, data: bytes) -> bytes:
    """`data` as one frame of "stdout" or "stderr"."""
    return HEADER.pack(NUMBERS[stream], len(data)) + data


class Deframer:
    """Takes a framed stream apart, whichever way its bytes are cut."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """The frames that are complete now: stream and payload. Raises ValueError for what is no frame."""
        data = self._rest + data
        at = 0
        while len(data) - at >= HEADER.size:
            number, length = HEADER.unpack_from(data, at)
            if number not in _NAMES or length > _LONGEST:
                raise ValueError(f"not a frame of output: stream {number}, {length} bytes")
            end = at + HEADER.size + length
            if end > len(data):
                break
            yield _NAMES[number], data[at + HEADER.size : end]
            at = end
        self._rest = data[at:]

    @property
    def incomplete(self) -> bool:
        """Whether the stream ended inside a frame."""
        return bool(self._rest)
