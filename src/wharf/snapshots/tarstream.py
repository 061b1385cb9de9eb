"""A reader of tar archives: ustar, PAX, GNU; sparse files of GNU (old, PAX 0.0, 0.1, 1.0).

Names are bytes, as the kernel takes them. Standard library only: it runs in the confined child.
"""

import base64
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

BLOCK: Final = 512
LONGEST_HEADER: Final = 1 << 20  # bytes of one PAX header or GNU long name, as Go's reader has it
LONGEST_SPARSE_MAP: Final = 1 << 16  # pieces
_ZEROS: Final = bytes(BLOCK)
_PIECE: Final = 1 << 18
_KINDS: Final = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"S": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "char",
    b"4": "block",
    b"5": "directory",
    b"6": "fifo",
}
_PAX_XATTR: Final = b"SCHILY.xattr."
_LIBARCHIVE_XATTR: Final = b"LIBARCHIVE.xattr."


class DamagedArchive(Exception):
    """The bytes are not a tar archive, or end too early."""


@dataclass(slots=True)
class Entry:
    """One member. `size` is what the file has; of a sparse file only `pieces` are in the archive."""

    name: bytes
    kind: str  # a value of _KINDS
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int  # nanoseconds since the epoch
    link: bytes = b""
    major: int = 0
    minor: int = 0
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[tuple[int, int]] | None = None  # offset and length of the data of a sparse file


class TarReader:
    """Reads members in order. `read(n)` of the source gives some bytes (n is a wish), b"" at its end."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._buffer = memoryview(b"")
        self._payload = 0  # bytes of the current member that are still to come
        self._padding = 0
        self._globals: dict[bytes, bytes] = {}

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            yield entry

    def data(self) -> Iterator[memoryview]:
        """The bytes of the current member that are in the archive: all, or the joined pieces."""
        while self._payload:
            yield self._take(self._payload)

    def drain(self) -> None:
        """Reads the source to its end, so that who writes it can finish."""
        self._buffer = memoryview(b"")
        while self._read(_PIECE):
            pass

    def _take(self, limit: int) -> memoryview:
        """1 to `limit` bytes of the payload."""
        if not self._buffer:
            self._fill()
        piece = self._buffer[:limit]
        self._buffer = self._buffer[len(piece) :]
        self._payload -= len(piece)
        return piece

    def _fill(self) -> None:
        data = self._read(_PIECE)
        if not data:
            raise DamagedArchive("unexpected EOF")
        self._buffer = memoryview(data)

    def _exactly(self, count: int) -> bytes:
        if len(self._buffer) >= count:
            result = bytes(self._buffer[:count])
            self._buffer = self._buffer[count:]
            return result
        parts = [bytes(self._buffer)]
        missing = count - len(self._buffer)
        while missing:
            self._fill()
            parts.append(bytes(self._buffer[:missing]))
            self._buffer = self._buffer[len(parts[-1]) :]
            missing -= len(parts[-1])
        return b"".join(parts)

    def _skip(self, count: int) -> None:
        while count:
            if not self._buffer:
                self._fill()
            step = min(count, len(self._buffer))
            self._buffer = self._buffer[step:]
            count -= step

    def _block(self) -> bytes | None:
        """The next header block; None at the end, which may also be plain EOF, as Go's reader allows."""
        if not self._buffer:
            data = self._read(_PIECE)
            if not data:
                return None
            self._buffer = memoryview(data)
        block = self._exactly(BLOCK)
        return None if block == _ZEROS else block

    def _next(self) -> Entry | None:
        self._skip(self._payload + self._padding)
        self._payload = self._padding = 0
        pax: dict[bytes, bytes] = {}
        long_name = long_link = None
        while (block := self._block()) is not None:
            _check_sum(block)
            flag = block[156:157]
            size = number(block[124:136])
            if flag in b"xgLK":
                data = self._header_data(size)
                if flag == b"x":
                    pax = parse_pax(data)
                elif flag == b"g":
                    self._globals.update(parse_pax(data))
                elif flag == b"L":
                    long_name = data.split(b"\0", 1)[0]
                else:
                    long_link = data.split(b"\0", 1)[0]
                continue
            return self._entry(block, flag, size, {**self._globals, **pax}, long_name, long_link)
        if pax or long_name or long_link:
            raise DamagedArchive("unexpected EOF")
        return None

    def _header_data(self, size: int) -> bytes:
        if size > LONGEST_HEADER:
            raise DamagedArchive(f"a header of {size} bytes is too long")
        data = self._exactly(size)
        self._skip(-size % BLOCK)
        return data

    def _entry(
        self, block: bytes, flag: bytes, size: int, pax: dict[bytes, bytes], name: bytes | None, link: bytes | None
    ) -> Entry:
        kind = _KINDS.get(flag)
        if kind is None:
            raise DamagedArchive(f"unhandled tar header type {_shown(flag)}")
        entry = Entry(
            name=name if name is not None else _name(block),
            kind=kind,
            mode=number(block[100:108]) & 0o7777,
            uid=number(block[108:116]),
            gid=number(block[116:124]),
            size=size,
            mtime=number(block[136:148]) * 1_000_000_000,
            link=link if link is not None else block[157:257].split(b"\0", 1)[0],
        )
        if kind in ("char", "block"):
            entry.major, entry.minor = number(block[329:337]), number(block[337:345])
        if pax:
            _apply_pax(entry, pax)
        if kind == "file" and entry.name.endswith(b"/"):
            entry.kind = kind = "directory"  # V7 archives have no other sign of one
        # Only files have data, whatever the size field of others says (Go: isHeaderOnly).
        stored = entry.size if kind == "file" else 0
        if kind != "file":
            entry.size = 0
        if stored < 0:
            raise DamagedArchive("negative size")
        self._payload, self._padding = stored, -stored % BLOCK
        if flag == b"S":
            entry.pieces, entry.size = self._old_sparse(block)
        elif kind == "file" and not _SPARSE_KEYS.isdisjoint(pax):
            self._pax_sparse(entry, pax)
        if entry.pieces is not None:
            _check_pieces(entry, self._payload)
        return entry

    def _old_sparse(self, block: bytes) -> tuple[list[tuple[int, int]], int]:
        real_size = number(block[483:495])
        pieces, more = _sparse_table(block[386:482]), block[482]
        while more:
            block = self._exactly(BLOCK)
            pieces += _sparse_table(block[:504])
            more = block[504]
            if len(pieces) > LONGEST_SPARSE_MAP:
                raise DamagedArchive("the map of a sparse file is too long")
        return pieces, real_size

    def _pax_sparse(self, entry: Entry, pax: dict[bytes, bytes]) -> None:
        if b"GNU.sparse.name" in pax:
            entry.name = pax[b"GNU.sparse.name"]
        real_size = pax.get(b"GNU.sparse.realsize", pax.get(b"GNU.sparse.size"))
        if pax.get(b"GNU.sparse.major") == b"1":
            numbers = self._map_in_data()
        else:
            numbers = [_decimal(text) for text in pax.get(b"GNU.sparse.map", pax.get(_SPARSE_LIST, b"")).split(b",")]
        entry.pieces = list(zip(numbers[0::2], numbers[1::2], strict=False))
        entry.size = _decimal(real_size or b"")

    def _map_in_data(self) -> list[int]:
        """PAX 1.0: the map is the beginning of the data, decimal numbers on lines, padded to a block."""
        text = b""
        while True:
            if self._payload < BLOCK or len(text) > LONGEST_SPARSE_MAP * 44:
                raise DamagedArchive("the map of a sparse file is damaged")
            text += self._exactly(BLOCK)
            self._payload -= BLOCK
            lines = text.split(b"\n")
            count = _decimal(lines[0]) if len(lines) > 1 else None
            if count is not None and count > LONGEST_SPARSE_MAP:
                raise DamagedArchive("the map of a sparse file is too long")
            if count is not None and len(lines) > 1 + 2 * count:
                return [_decimal(line) for line in lines[1 : 1 + 2 * count]]


_SPARSE_LIST: Final = b" sparse 0.0"  # not a possible key: what PAX 0.0 says in repeated records, joined
_SPARSE_KEYS: Final = frozenset({b"GNU.sparse.major", b"GNU.sparse.map", _SPARSE_LIST})


def _shown(text: bytes) -> str:
    """The beginning of a field as a user may read it: what is no text as its length."""
    beginning = text[:40]
    if beginning.isascii() and beginning.decode().isprintable():
        return f'"{beginning.decode()}"'
    return f"a field of {len(text)} bytes that are no text"


def number(field: bytes) -> int:
    """A numeric field: octal text, or base 256 where the first bit is set (GNU)."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=True)
        return value if field[0] == 0xFF else value + (1 << (8 * len(field) - 1))
    text = field.split(b"\0", 1)[0].strip()
    try:
        return int(text, 8) if text else 0
    except ValueError:
        raise DamagedArchive(f"invalid tar header: {_shown(text)} is not a number") from None


def parse_pax(data: bytes) -> dict[bytes, bytes]:
    """The records of a PAX header, `LENGTH KEY=VALUE\\n` each. Raises DamagedArchive."""
    records: dict[bytes, bytes] = {}
    sparse: list[bytes] = []
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 12)
        if space < 0:
            raise DamagedArchive("invalid PAX header")
        length = _decimal(data[position:space])
        end = position + length
        if end > len(data) or end <= space + 1 or data[end - 1] != 0x0A:
            raise DamagedArchive("invalid PAX header")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals or not key:
            raise DamagedArchive("invalid PAX header")
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            sparse.append(value)
        records[key] = value
        position = end
    if sparse:
        records[_SPARSE_LIST] = b",".join(sparse)
    return records


def _apply_pax(entry: Entry, pax: dict[bytes, bytes]) -> None:
    for key, value in pax.items():
        if key == b"path":
            entry.name = value
        elif key == b"linkpath":
            entry.link = value
        elif key == b"size":
            entry.size = _decimal(value)
        elif key == b"uid":
            entry.uid = _decimal(value)
        elif key == b"gid":
            entry.gid = _decimal(value)
        elif key == b"mtime":
            entry.mtime = _nanoseconds(value)
        elif key.startswith(_PAX_XATTR):
            entry.xattrs[key[len(_PAX_XATTR) :]] = value
        elif key.startswith(_LIBARCHIVE_XATTR):
            name = unquote_to_bytes(key[len(_LIBARCHIVE_XATTR) :])
            try:
                entry.xattrs.setdefault(name, base64.b64decode(value + b"=" * (-len(value) % 4)))
            except ValueError:
                raise DamagedArchive("invalid PAX header") from None


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 20:
        raise DamagedArchive(f"invalid tar header: {_shown(text)} is not a number")
    return int(text)


def _nanoseconds(text: bytes) -> int:
    """A time such as 1700000000.123456789 or -1.5, without the rounding of a float."""
    whole, _, fraction = text.lstrip(b"-").partition(b".")
    if (fraction and not fraction.isdigit()) or len(fraction) > 100:
        raise DamagedArchive(f"invalid PAX header: {_shown(text)} is not a time")
    value = _decimal(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
    return -value if text.startswith(b"-") else value


def _name(block: bytes) -> bytes:
    name = block[:100].split(b"\0", 1)[0]
    # Only POSIX's magic has a prefix; GNU keeps other things there.
    if block[257:263] == b"ustar\0":
        prefix = block[345:500].split(b"\0", 1)[0]
        if prefix:
            return prefix + b"/" + name
    return name


_SIGNED: Final = struct.Struct("512b")


def _check_sum(block: bytes) -> None:
    stated = number(block[148:156])
    found = sum(block) - sum(block[148:156]) + 8 * 0x20
    if found == stated:
        return
    # Some old programs added up signed bytes.
    signed = _SIGNED.unpack(block)
    if sum(signed) - sum(signed[148:156]) + 8 * 0x20 != stated:
        raise DamagedArchive("invalid tar header")


def _sparse_table(table: bytes) -> list[tuple[int, int]]:
    pieces = []
    for at in range(0, len(table), 24):
        if not table[at]:
            break
        pieces.append((number(table[at : at + 12]), number(table[at + 12 : at + 24])))
    return pieces


def _check_pieces(entry: Entry, stored: int) -> None:
    """Pieces are in order, inside the file, and as long as the data."""
    position = total = 0
    for offset, length in entry.pieces or ():
        if offset < position or length < 0 or offset + length > entry.size:
            raise DamagedArchive("the map of a sparse file is damaged")
        position = offset + length
        total += length
    if total != stored:
        raise DamagedArchive("the map of a sparse file does not fit its data")
