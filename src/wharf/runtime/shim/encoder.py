"""A container's output as lines of the json-file log: the format of Docker's, byte for byte but for the time's digits.

Pure. Fast because it works on whole chunks: a line costs no Python code, only a byte that needs escaping does.
"""

from collections.abc import Mapping
from typing import Final

from wharf.runtime import records

#: Longer lines are cut into entries of this size, of which only the last ends in a newline.
LONGEST_LINE: Final = 16384

_ESCAPED: Final = {b"\\": b"\\\\", b'"': b'\\"', b"\r": b"\\r"} | {
    bytes((code,)): b"\\u%04x" % code for code in (*range(0x20), *b"<>&") if code not in b"\n\r"
}
_SAFE: Final = bytes(code for code in range(128) if bytes((code,)) not in _ESCAPED)  # with the newline
_SEPARATORS: Final = {"\u2028".encode(): b"\\u2028", "\u2029".encode(): b"\\u2029"}
#: Stands for question marks while they stand for something else; it is escaped before, so it cannot occur.
_HIDDEN: Final = b"\x01"


def escape(data: bytes) -> bytes:
    """The inside of a JSON string, but for newlines, which stay. Bytes that are not UTF-8 become U+FFFD each."""
    special = data.translate(None, _SAFE)
    if not special:
        return data
    if special.isascii():
        return _escape_ascii(data, special)
    try:
        data.decode()
        data = _escape_ascii(data, special)
    except UnicodeDecodeError:
        data = _escape_invalid(data, special)
    for character, text in _SEPARATORS.items():
        if character in special:
            data = data.replace(character, text)
    return data


def _escape_ascii(data: bytes, special: bytes, without: bytes = b"") -> bytes:
    """Escapes the bytes below 128 that have to be, are in `special` and not in `without`."""
    for byte, text in _ESCAPED.items():  # the backslash comes first
        if byte in special and byte not in without:
            data = data.replace(byte, text)
    return data


def _escape_invalid(data: bytes, special: bytes) -> bytes:
    # encode() puts "?" for what decode() could not read, both in C. What grows is done last.
    for byte in (b"\\", _HIDDEN):
        data = data.replace(byte, _ESCAPED[byte])
    text = data.replace(b"?", _HIDDEN).decode("utf-8", "surrogateescape")
    data = _escape_ascii(text.encode("utf-8", "replace"), special, b"\\" + _HIDDEN)
    return data.replace(b"?", b"\\ufffd").replace(_HIDDEN, b"?")


class LineEncoder:
    """Cuts one stream into lines and encodes them. Keeps the unfinished line, shorter than LONGEST_LINE."""

    def __init__(self, stream: str, attributes: Mapping[str, str]) -> None:
        attrs = f'"attrs":{records.encode(dict(attributes)).decode()},' if attributes else ""
        self._before_time = f'","stream":"{stream}",{attrs}"time":"'.encode()
        self._rest = b""

    def feed(self, chunk: bytes, time: bytes) -> bytes:
        """The log's bytes for what `chunk` completes; `time` is RFC 3339."""
        data = self._rest + chunk if self._rest else chunk
        end = data.rfind(b"\n") + 1
        # Without a newline at the end there may still be whole pieces of a long line.
        end += (len(data) - end) // LONGEST_LINE * LONGEST_LINE
        self._rest = data[end:]
        return self._entries(data[:end] if self._rest else data, time) if end else b""

    def finish(self, time: bytes) -> bytes:
        """The log's bytes for an unfinished last line."""
        data, self._rest = self._rest, b""
        return self._entries(data, time) if data else b""

    def _entries(self, data: bytes, time: bytes) -> bytes:
        found = []
        start = position = 0
        while len(data) - position > LONGEST_LINE:
            newline = data.rfind(b"\n", position, position + LONGEST_LINE)
            if newline >= 0:
                position = newline + 1
                continue
            found.append(self._lines(data[start:position], time))
            found.append(self._lines(data[position : position + LONGEST_LINE], time))
            start = position = position + LONGEST_LINE
        found.append(self._lines(data[start:], time))
        return b"".join(found)

    def _lines(self, data: bytes, time: bytes) -> bytes:
        """Entries of lines none of which is too long; only the last may lack its newline."""
        if not data:
            return b""
        close = self._before_time + time + b'"}\n'
        ended = data.endswith(b"\n")
        text = escape(data[:-1] if ended else data)
        body = text.replace(b"\n", b"\\n" + close + b'{"log":"')
        return b"".join((b'{"log":"', body, b"\\n" if ended else b"", close))
