"""Headers of tar archives: ustar, with a PAX header in front where ustar has no room. Pure; names are bytes.

Standard library only: it runs in confined children.
"""

from collections.abc import Mapping
from typing import Final

from wharf.snapshots.tarstream import BLOCK

END: Final = bytes(2 * BLOCK)
_FLAGS: Final = {
    "file": b"0",
    "hardlink": b"1",
    "symlink": b"2",
    "char": b"3",
    "block": b"4",
    "directory": b"5",
    "fifo": b"6",
}
_NAME: Final = 100  # bytes that a name may have in ustar
_SMALL: Final = 8**7  # the first number that seven octal digits cannot write
_LARGE: Final = 8**11


def header(
    name: bytes,
    kind: str,
    *,
    mode: int = 0,
    uid: int = 0,
    gid: int = 0,
    size: int = 0,
    mtime: int = 0,
    link: bytes = b"",
    major: int = 0,
    minor: int = 0,
    xattrs: Mapping[bytes, bytes] | None = None,
) -> bytes:
    """What stands before a member's data; `kind` as in tarstream.Entry, `mtime` in whole seconds."""
    records = _records(name, uid, gid, size, mtime, link, xattrs)
    before = b""
    if records:
        data = b"".join(pax_record(key, value) for key, value in records.items())
        before = (
            _block(b"PaxHeaders/" + name[-80:], b"x", 0o644, 0, 0, len(data), 0, b"", 0, 0) + data + padding(len(data))
        )
        uid, gid, mtime = _fitting(uid, _SMALL), _fitting(gid, _SMALL), _fitting(mtime, _LARGE)
    return before + _block(
        name, _FLAGS[kind], mode & 0o7777, uid, gid, _fitting(size, _LARGE), mtime, link, major, minor
    )


def padding(size: int) -> bytes:
    """Zeros that fill the last block of `size` bytes of data."""
    return bytes(-size % BLOCK)


def pax_record(key: bytes, value: bytes) -> bytes:
    """`LENGTH KEY=VALUE\\n`, where the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _records(
    name: bytes, uid: int, gid: int, size: int, mtime: int, link: bytes, xattrs: Mapping[bytes, bytes] | None
) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    if len(name) > _NAME:
        records[b"path"] = name
    if len(link) > _NAME:
        records[b"linkpath"] = link
    for key, number, limit in ((b"uid", uid, _SMALL), (b"gid", gid, _SMALL), (b"size", size, _LARGE)):
        if number >= limit:
            records[key] = b"%d" % number
    if not 0 <= mtime < _LARGE:
        records[b"mtime"] = b"%d" % mtime
    for key, value in (xattrs or {}).items():
        records[b"SCHILY.xattr." + key] = value
    return records


def _fitting(number: int, limit: int) -> int:
    return number if 0 <= number < limit else 0


def _block(
    name: bytes,
    flag: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    link: bytes,
    major: int,
    minor: int,
) -> bytes:
    block = b"".join(
        (
            name[:_NAME].ljust(100, b"\0"),
            b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, uid, gid, size, mtime),
            b"        ",  # the sum of all bytes, counted as blanks while we count
            flag,
            link[:_NAME].ljust(100, b"\0"),
            b"ustar\00000",
            bytes(64),
            b"%07o\0%07o\0" % (major, minor),
            bytes(167),
        )
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
