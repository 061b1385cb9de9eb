"""The part of MessagePack that fluentd's forward protocol needs (github.com/msgpack/msgpack, spec.md). Pure."""

from collections.abc import Mapping


def text(value: bytes) -> bytes:
    """A string, of any bytes: what containers write need not be UTF-8."""
    size = len(value)
    if size < 32:
        return bytes((0xA0 | size,)) + value
    if size < 1 << 8:
        return b"\xd9" + size.to_bytes(1, "big") + value
    if size < 1 << 16:
        return b"\xda" + size.to_bytes(2, "big") + value
    return b"\xdb" + size.to_bytes(4, "big") + value


def entries(value: Mapping[str, str]) -> bytes:
    """The inside of a map, without its head."""
    return b"".join(text(name.encode()) + text(item.encode()) for name, item in value.items())


def map_head(count: int) -> bytes:
    return bytes((0x80 | count,)) if count < 16 else b"\xde" + count.to_bytes(2, "big")


def array_head(count: int) -> bytes:
    """Of fewer than 16 items."""
    return bytes((0x90 | count,))


def unsigned(value: int) -> bytes:
    """A number below 2**32, as seconds of Unix time are until 2106."""
    return b"\xce" + value.to_bytes(4, "big")


def event_time(seconds: int, nanoseconds: int) -> bytes:
    """fluentd's EventTime: extension type 0 of 8 bytes."""
    return b"\xd7\x00" + seconds.to_bytes(4, "big") + nanoseconds.to_bytes(4, "big")
