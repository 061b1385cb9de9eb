"""Messages in fluentd's forward protocol, version 1, in its "message mode". Pure but for the chunks' random names."""

import os
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any

from wharf.runtime.shim.remote import msgpack
from wharf.runtime.shim.remote.messages import Message

_SOURCES = {1: b"stdout", 2: b"stderr"}


class FluentdEncoder:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Settings: `tag`, `fields` (the same for each message), `precise` (times with nanoseconds), `receipts`."""
        self.receipts: bool = settings["receipts"]
        self._precise: bool = settings["precise"]
        self._head = msgpack.array_head(4) + msgpack.text(settings["tag"].encode())
        self._fields = msgpack.entries(settings["fields"])
        self._count = len(settings["fields"]) + 2
        self._chunk = b""

    def encode(self, message: Message) -> list[bytes]:
        partial = {}
        if message.partial is not None:
            id, number, is_last = message.partial
            partial = {
                "partial_message": "true",
                "partial_id": id,
                "partial_ordinal": str(number),
                "partial_last": "true" if is_last else "false",
            }
        parts = [
            self._head,
            self._time(message.time),
            msgpack.map_head(self._count + len(partial)),
            self._fields,
            msgpack.entries(partial),
            msgpack.text(b"source") + msgpack.text(_SOURCES[message.stream]),
            msgpack.text(b"log") + msgpack.text(message.line),
            self._option(),
        ]
        return [b"".join(parts)]

    def _time(self, moment: int) -> bytes:
        seconds, rest = divmod(moment, 10**9)
        return msgpack.event_time(seconds, rest) if self._precise else msgpack.unsigned(seconds)

    def _option(self) -> bytes:
        if not self.receipts:
            return msgpack.map_head(0)
        self._chunk = b2a_base64(os.urandom(16), newline=False)
        return msgpack.map_head(1) + msgpack.text(b"chunk") + msgpack.text(self._chunk)

    def is_receipt(self, data: bytes) -> bool:
        # Receivers write the map {"ack": chunk} in several ways; the random name stands in all of them.
        return self._chunk in data
