"""The framing of a container's streams when it has no tty: 8 bytes (stream, three zeros, size), then the payload."""

from wharf.client.errors import LostConnection

HEADER = 8
STDOUT, STDERR, SYSTEM = 1, 2, 3


class Unframer:
    """Takes bytes as they come, gives (stream, payload) as soon as a part of a payload is there."""

    __slots__ = ("_head", "_left", "_stream")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._stream = 0

    def feed(self, data: bytes) -> "list[tuple[int, bytes]]":
        """Raises LostConnection when the bytes are no frames."""
        found = []
        at = 0
        while at < len(data):
            if not self._left:
                head = self._head + data[at : at + HEADER - len(self._head)]
                at += len(head) - len(self._head)
                if len(head) < HEADER:
                    self._head = head
                    break
                self._head = b""
                if head[1:4] != b"\0\0\0" or head[0] > SYSTEM:
                    raise LostConnection(f"unrecognized input header: {head[0]}")
                self._stream = head[0]
                self._left = int.from_bytes(head[4:], "big")
                continue
            payload = data[at : at + self._left]
            at += len(payload)
            self._left -= len(payload)
            found.append((self._stream, payload))
        return found
