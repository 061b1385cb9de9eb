"""The keys that leave a container running and give the terminal back. Pure."""

from wharf.errors import InvalidArgument

DEFAULT = "ctrl-p,ctrl-q"


def parse_keys(text: str) -> bytes:
    """The bytes of `ctrl-p,ctrl-q` or `a,b`. Raises InvalidArgument."""
    found = bytearray()
    for key in text.split(","):
        letter = key.removeprefix("ctrl-")
        if len(key) == 1 and key.isascii():
            found.append(ord(key))
        elif key.startswith("ctrl-") and len(letter) == 1 and (letter.isalpha() or letter in "@[\\]^_"):
            found.append(ord(letter.upper()) - 64)
        else:
            raise InvalidArgument(f"invalid detach keys ({text}): Unknown character: '{key}'")
    return bytes(found)


class KeyWatch:
    """Looks for the keys in what is typed. Keys that may be the beginning are held back until it is clear."""

    __slots__ = ("_held", "_keys", "seen")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""
        self.seen = False

    def feed(self, data: bytes) -> bytes:
        """What is to be sent on. Once `seen`, nothing more."""
        data = self._held + data
        self._held = b""
        at = data.find(self._keys) if self._keys else -1
        if at >= 0:
            self.seen = True
            return data[:at]
        for length in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if data.endswith(self._keys[:length]):
                self._held = data[-length:]
                return data[:-length]
        return data
