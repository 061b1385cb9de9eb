"""Messages in the native protocol of journald (systemd.io/JOURNAL_NATIVE_PROTOCOL). Pure."""

import time
from collections.abc import Mapping
from typing import Any

from wharf.runtime.shim.remote.messages import Message

_ERROR, _INFO = 3, 6


class JournalEncoder:
    receipts = False

    def __init__(self, settings: Mapping[str, Any], epoch: str) -> None:
        """Settings: `fields`, the same for each message. `epoch` tells apart the runs of one container."""
        fields = {**settings["fields"], "CONTAINER_LOG_EPOCH": epoch}
        self._constant = b"".join(_field(name, value.encode()) for name, value in fields.items())
        self._ordinal = 0

    def encode(self, message: Message) -> list[bytes]:
        self._ordinal += 1
        parts = [
            _field("PRIORITY", b"%d" % (_ERROR if message.stream == 2 else _INFO)),
            _field("MESSAGE", message.line),
            self._constant,
            _field("CONTAINER_LOG_ORDINAL", b"%d" % self._ordinal),
            _field("SYSLOG_TIMESTAMP", _timestamp(message.time)),
        ]
        if message.partial is not None:
            id, number, is_last = message.partial
            parts += [
                _field("CONTAINER_PARTIAL_ID", id.encode()),
                _field("CONTAINER_PARTIAL_ORDINAL", b"%d" % number),
                _field("CONTAINER_PARTIAL_LAST", b"true" if is_last else b"false"),
            ]
            if not is_last:
                parts.append(_field("CONTAINER_PARTIAL_MESSAGE", b"true"))
        return [b"".join(parts)]

    def is_receipt(self, data: bytes) -> bool:
        return True


def _field(name: str, value: bytes) -> bytes:
    """A value with a newline is preceded by its length instead of "="."""
    if b"\n" in value:
        return b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
    return b"%s=%s\n" % (name.encode(), value)


def _timestamp(moment: int) -> bytes:
    seconds, rest = divmod(moment, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09}Z".encode()
