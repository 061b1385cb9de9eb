"""Messages in fluentd's forward protocol, version 1, in its "message mode". Pure but for the chunks' random names."""

import os
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any

from wharf.runtime.shim.remote import msgpack
from wharf.runtime.shim.remote.messages import Message

_SOURCES = {
    stream: msgpack.text(b"source") + msgpack.text(name) + msgpack.text(b"log")
    for stream, name in ((1, b"stdout"), (2, b"stderr"))
}
_NO_OPTION = msgpack.map_head(0)


class FluentdEncoder:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Settings: `tag`, `fields` (the same for each message), `precise` (times with nanoseconds), `receipts`."""
        self.receipts: bool = settings["receipts"]
        self._precise: bool = settings["precise"]
        self._head = msgpack.array_head(4) + msgpack.text(settings["tag"].encode())
        self._constant: Mapping[str, str] = settings["fields"]
        self._fields = _begun_map(self._constant)
        self._chunk = b""

    def encode(self, message: Message) -> list[bytes]:
        parts = [
            self._head,
            self._time(message.time),
            self._fields if message.partial is None else self._with_partial(message.partial),
            _SOURCES[message.stream],
            msgpack.text(message.line),
            self._option() if self.receipts else _NO_OPTION,
        ]
        return [b"".join(parts)]

    def _with_partial(self, partial: tuple[str, int, bool]) -> bytes:
        id, number, is_last = partial
        fields = {
            **self._constant,
            "partial_message": "true",
            "partial_id": id,
            "partial_ordinal": str(number),
            "partial_last": "true" if is_last else "false",
        }
        return _begun_map(fields)

    def _time(self, moment: int) -> bytes:
        seconds, rest = divmod(moment, 10**9)
        return msgpack.event_time(seconds, rest) if self._precise else msgpack.unsigned(seconds)

    def _option(self) -> bytes:
        self._chunk = b2a_base64(os.urandom(16), newline=False)
        return msgpack.map_head(1) + msgpack.text(b"chunk") + msgpack.text(self._chunk)

    def is_receipt(self, data: bytes) -> bool:
        # Receivers write the map {"ack": chunk} in several ways; the random name stands in all of them.
        return self._chunk in data


def _begun_map(fields: Mapping[str, str]) -> bytes:
    """A record up to its last two entries, "source" and "log"."""
    return msgpack.map_head(len(fields) + 2) + msgpack.entries(fields)
