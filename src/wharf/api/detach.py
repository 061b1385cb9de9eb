"""The key sequence that leaves a container alone without ending it. Pure."""

from typing import Final

from wharf.errors import InvalidArgument

DEFAULT_KEYS: Final = b"\x10\x11"  # ctrl-p, ctrl-q

#: Names of single control characters behind `ctrl-`, beside the letters.
_CONTROL: Final = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_keys(text: str) -> bytes:
    """The bytes of `ctrl-p,ctrl-q`: single characters and `ctrl-X`, with commas between. "" is the default.

    Raises InvalidArgument.
    """
    if not text:
        return DEFAULT_KEYS
    keys = bytearray()
    for key in text.split(","):
        control = key.removeprefix("ctrl-")
        if key != control and len(control) == 1 and (control in _CONTROL or "a" <= control <= "z"):
            keys.append(_CONTROL[control] if control in _CONTROL else ord(control) - ord("a") + 1)
        elif len(key) == 1 and key.isascii():
            keys += key.encode()
        else:
            raise InvalidArgument(f"Invalid detach keys ({text}) provided")
    return bytes(keys)


class DetachFilter:
    """Watches what a user types. Keys that may begin the sequence are held back until it is clear."""

    def __init__(self, keys: bytes = DEFAULT_KEYS) -> None:
        self._keys = keys
        self._held = b""
        self.detached = False

    def feed(self, data: bytes) -> bytes:
        """What the container gets of `data` and of what was held; what follows the sequence is dropped."""
        if self.detached:
            return b""
        data = self._held + data
        at = data.find(self._keys)
        if at >= 0:
            self.detached = True
            self._held = b""
            return data[:at]
        keep = next((n for n in range(min(len(self._keys) - 1, len(data)), 0, -1) if data.endswith(self._keys[:n])), 0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def end(self) -> bytes:
        """What was held back when the input ended without the sequence."""
        held, self._held = self._held, b""
        return held
