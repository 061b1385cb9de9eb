"""What plugins print, as lines of the daemon's log."""

import logging
from typing import Final

from wharf.apitypes.stdcopy import Deframer
from wharf.runtime.contract import AttachStream

log = logging.getLogger(__name__)

_LEVELS: Final = {"stdout": logging.INFO, "stderr": logging.ERROR}  # as dockerd's
_LONGEST: Final = 16 << 10  # bytes of a line; longer ones come in pieces


class Lines:
    """Cuts a stream into lines, whichever way its bytes come. Pure."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now, without those that are empty."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) >= _LONGEST:
            whole.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace") for line in whole if line.strip()]

    def end(self) -> list[str]:
        """What came without a line end."""
        return self.feed(b"\n")


async def relay(stream: AttachStream, id: str) -> None:
    """Until the plugin ends. Closes the stream."""
    frames, lines = Deframer(), {name: Lines() for name in _LEVELS}
    try:
        while data := await stream.read():
            for name, payload in frames.feed(data):
                _tell(lines[name].feed(payload), _LEVELS[name], id)
    finally:
        stream.close()
        for name, rest in lines.items():
            _tell(rest.end(), _LEVELS[name], id)


def _tell(lines: list[str], level: int, id: str) -> None:
    for line in lines:
        log.log(level, "%s", line, extra={"plugin": id})
