"""A stream that may be compressed, read as what it holds. Standard library only: it runs in confined children."""

import importlib
from collections.abc import Callable
from typing import Any, Final

from wharf.snapshots.tarstream import DamagedArchive

Read = Callable[[int], bytes]  # at most so many bytes; b"" at the end
_XZ_MEMORY: Final = 1 << 28  # bytes; what claims more is refused


class PlainInput:
    """`kind` is "gzip", "bzip2", "xz" or "" for plain. What it needs is imported now: later nothing can be."""

    def __init__(self, source: Read, kind: str) -> None:
        self._source = source
        self._new: Callable[[], Any] | None = _NEW[kind]() if kind else None
        self._decoder: Any = self._new() if self._new else None
        self._rest = b""

    def read(self, count: int) -> bytes:
        """Raises DamagedArchive."""
        if self._new is None:
            return self._source(count)
        while True:
            if self._decoder.eof and not self._next_member():
                return b""
            data, self._rest = self._rest, b""
            if not data and self._decoder.needs_input and not (data := self._source(count)):
                raise DamagedArchive("unexpected EOF")
            if plain := self._decoded(data, count):
                return plain

    def _decoded(self, data: bytes, count: int) -> bytes:
        try:
            found: bytes = self._decoder.decompress(data, count)
        except Exception as error:  # each module has an error of its own
            raise DamagedArchive(str(error)) from None
        return found

    def _next_member(self) -> bool:
        """Files may be joined end to end, and zeros may pad the end."""
        assert self._new is not None
        rest = self._decoder.unused_data.lstrip(b"\0")
        while not rest and (more := self._source(1 << 16)):
            rest = more.lstrip(b"\0")
        self._rest = rest
        if rest:
            self._decoder = self._new()
        return bool(rest)


def _gzip() -> Callable[[], Any]:
    zlib = importlib.import_module("zlib")

    class Gzip:
        """zlib's reader with the interface that the others have."""

        def __init__(self) -> None:
            self._object = zlib.decompressobj(wbits=31)
            self.needs_input = True

        @property
        def eof(self) -> bool:
            return bool(self._object.eof)

        @property
        def unused_data(self) -> bytes:
            return bytes(self._object.unused_data)

        def decompress(self, data: bytes, count: int) -> bytes:
            found: bytes = self._object.decompress(self._object.unconsumed_tail + data, count)
            self.needs_input = not self._object.unconsumed_tail
            return found

    return Gzip


def _bzip2() -> Callable[[], Any]:
    made: Callable[[], Any] = importlib.import_module("bz2").BZ2Decompressor
    return made


def _xz() -> Callable[[], Any]:
    lzma = importlib.import_module("lzma")
    return lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


_NEW: Final[dict[str, Callable[[], Callable[[], Any]]]] = {"gzip": _gzip, "bzip2": _bzip2, "xz": _xz}
#: Kinds that it reads.
KINDS: Final = frozenset(_NEW)
