"""Messages in the Graylog Extended Log Format, version 1.1. Pure."""

import os
import zlib
from collections.abc import Mapping
from typing import Any, Final

from wharf.jsontext import encode_json, quoted
from wharf.runtime.shim.encoder import escape
from wharf.runtime.shim.remote.messages import Message

_ERROR, _INFO = 3, 6
_MAGIC: Final = b"\x1e\x0f"
#: A datagram that fits into a packet of Ethernet; larger ones are chunked.
_DATAGRAM: Final = 1420
_CHUNK: Final = _DATAGRAM - 12  # less the magic, an id of 8 bytes, number and count
_MOST_CHUNKS: Final = 128
#: How zlib is told the container of its stream.
_WINDOW: Final = {"gzip": 31, "zlib": 15}


class GelfEncoder:
    receipts = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Settings: `hostname`, `fields` (their names begin with "_"), `datagrams`, `compression`, `level`.

        Without `datagrams` messages end in a NUL, and are not compressed.
        """
        self._head = f'{{"version":"1.1","host":{quoted(settings["hostname"])},"short_message":"'.encode()
        fields = encode_json(settings["fields"])[1:-1]
        self._tail = f",{fields}}}".encode() if fields else b"}"
        self._datagrams: bool = settings["datagrams"]
        self._window = _WINDOW.get(settings["compression"], 0)
        self._level: int = settings["level"]

    def encode(self, message: Message) -> list[bytes]:
        if not message.line:
            return []
        level = _ERROR if message.stream == 2 else _INFO
        seconds, rest = divmod(message.time // 10**6, 1000)
        facts = b'","timestamp":%d.%03d,"level":%d' % (seconds, rest, level)
        text = b"".join((self._head, escape(message.line), facts, self._tail))
        if not self._datagrams:
            return [text + b"\0"]
        if self._window:
            packer = zlib.compressobj(self._level, zlib.DEFLATED, self._window)
            text = packer.compress(text) + packer.flush()
        return chunks(text, os.urandom(8))

    def is_receipt(self, data: bytes) -> bool:
        return True


def chunks(data: bytes, id: bytes) -> list[bytes]:
    """Datagrams for one message: one, or as many as it needs; none when there would be too many."""
    if len(data) <= _DATAGRAM:
        return [data]
    count = -(-len(data) // _CHUNK)
    if count > _MOST_CHUNKS:
        return []
    return [
        b"".join((_MAGIC, id, bytes((number, count)), data[number * _CHUNK : (number + 1) * _CHUNK]))
        for number in range(count)
    ]
