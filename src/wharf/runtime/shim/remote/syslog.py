"""Messages for syslog: RFC 3164, RFC 5424, and the short form that local daemons take. Pure."""

import time
from collections.abc import Mapping
from typing import Any, Final

from wharf.runtime.shim.remote.messages import Message

_ERROR, _INFO = 3, 6  # RFC 5424, 6.2.1
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class SyslogEncoder:
    """The bytes are those of dockerd, but for the time: it is that of the message, not of its sending."""

    receipts = False

    def __init__(self, settings: Mapping[str, Any], pid: int) -> None:
        """Settings: `format` ("", rfc3164, rfc5424, rfc5424micro), `facility`, `tag`, `hostname`, `counted`.

        With `counted` each message is preceded by its length (RFC 5425, 4.3), else it ends in a newline only.
        """
        self._format: str = settings["format"]
        self._facility: int = settings["facility"]
        self._counted: bool = settings["counted"]
        self._time = -1  # of the last message, for which the heads hold: all lines of one read have one time
        self._heads: dict[int, bytes] = {}
        tag, host = settings["tag"], settings["hostname"]
        if self._format.startswith("rfc5424"):
            self._middle = f" {host} {tag} {pid} {tag} - ".encode()
        elif self._format == "rfc3164":
            self._middle = f" {host} {tag}[{pid}]: ".encode()
        else:
            self._middle = f" {tag}[{pid}]: ".encode()

    def encode(self, message: Message) -> list[bytes]:
        if not message.line:
            return []
        if message.time != self._time:
            self._time = message.time
            self._heads = {1: self._head(_INFO), 2: self._head(_ERROR)}
        frame = b"%s%s\n" % (self._heads[message.stream], message.line)
        return [b"%d %s" % (len(frame), frame) if self._counted else frame]

    def _head(self, severity: int) -> bytes:
        """All before the line itself, for the present time."""
        priority = self._facility * 8 + severity
        if self._format.startswith("rfc5424"):
            moment = _precise(self._time, micro=self._format == "rfc5424micro")
            return b"<%d>1 %s%s" % (priority, moment, self._middle)
        return b"<%d>%s%s" % (priority, _short(self._time), self._middle)

    def is_receipt(self, data: bytes) -> bool:
        return True


def _short(moment: int) -> bytes:
    """`Nov  6 13:28:31`, in local time. Not by strftime, whose months depend on the locale."""
    when = time.localtime(moment // 10**9)
    return f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2} {when.tm_hour:02}:{when.tm_min:02}:{when.tm_sec:02}".encode()


def _precise(moment: int, *, micro: bool) -> bytes:
    seconds, rest = divmod(moment, 10**9)
    when = time.localtime(seconds)
    fraction = f".{rest // 1000:06}" if micro else ""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', when)}{fraction}{_zone(when.tm_gmtoff)}".encode()


def _zone(offset: int) -> str:
    if not offset:
        return "Z"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"
