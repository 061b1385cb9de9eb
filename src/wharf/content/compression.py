"""Compressed streams, told apart by their first bytes. Memory stays bounded whatever a stream claims."""

import bz2
import lzma
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from wharf.errors import InvalidArgument

igzip_lib: Any
isal_zlib: Any
try:
    from isal import igzip_lib, isal_zlib
except ImportError:  # a machine without the wheel: zlib does the same at half the speed
    igzip_lib = isal_zlib = None

OUTPUT: Final = 1 << 20  # bytes: the most that one step yields
_ZSTD_WINDOW: Final = 1 << 27  # bytes: what `zstd --long=27` makes; a larger one is a claim on our memory
_MAGIC_LENGTH: Final = 6
_GZIP_LEVEL: Final = 1
_DAMAGE: Final[tuple[type[Exception], ...]] = (
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    *((isal_zlib.error,) if isal_zlib is not None else ()),
)


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


class _ZlibDecoder:
    """zlib's gzip reader with the interface that bz2 and lzma have."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        output = self._object.decompress(self._object.unconsumed_tail + data, max(0, max_length))
        self.needs_input = not self._object.unconsumed_tail
        return output


def kind_of(beginning: bytes) -> str:
    """ "gzip", "zstd", "bzip2", "xz", or "" for a stream that is not compressed."""
    for magic, kind in (
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
    ):
        if beginning.startswith(magic):
            return kind
    # A skippable frame comes first in some zstd files.
    if len(beginning) >= 4 and beginning[1:4] == b"\x2a\x4d\x18" and beginning[0] & 0xF0 == 0x50:
        return "zstd"
    return ""


def decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The plain bytes of a stream in any format above. Raises InvalidArgument when it is damaged or cut off."""
    source = iter(chunks)
    beginning = b""
    while len(beginning) < _MAGIC_LENGTH:
        more = next(source, b"")
        if not more:
            break
        beginning += more
    kind = kind_of(beginning)
    try:
        if kind == "":
            if beginning:
                yield beginning
            yield from source
        elif kind == "zstd":
            yield from _zstd(_chained(beginning, source))
        else:
            yield from _decode(kind, _chained(beginning, source))
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the source could not be read; bz2 raises an OSError without a number
        raise InvalidArgument(f"damaged {kind} stream: {error}") from None


def _chained(beginning: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield beginning
    yield from rest


def _new_decoder(kind: str) -> _Decoder:
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind == "xz":
        return lzma.LZMADecompressor(memlimit=1 << 28)
    if igzip_lib is not None:
        decoder: _Decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        return decoder
    return _ZlibDecoder()


def _decode(kind: str, source: Iterator[bytes]) -> Iterator[bytes]:
    """Decodes all members of a stream: gzip files may be joined end to end."""
    decoder = _new_decoder(kind)
    for chunk in source:
        data = chunk
        while True:
            if decoder.eof:
                # Zeros may pad the end (tape blocks); anything else begins another member.
                if not data.strip(b"\0"):
                    break
                decoder = _new_decoder(kind)
            output = decoder.decompress(data, OUTPUT)
            if output:
                yield output
            if decoder.eof:
                data = decoder.unused_data
                if not data:
                    break
                continue
            data = b""
            if decoder.needs_input:
                break
    if not decoder.eof:
        raise EOFError("it ends too early")


class _Readable:
    """An iterator of bytes as a file, which is what zstandard reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int) -> bytes:
        while not self._rest:
            more = next(self._chunks, None)
            if more is None:
                return b""
            self._rest = more
        result, self._rest = self._rest[:size], self._rest[size:]
        return result


def _zstd(source: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard

    decoder: Any = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    reader = decoder.stream_reader(_Readable(source), read_size=1 << 17, read_across_frames=True)
    try:
        while output := reader.read(OUTPUT):
            yield output
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from None


class Gzip:
    """Makes a gzip stream, always the same one for the same bytes."""

    def __init__(self) -> None:
        module: Any = isal_zlib if isal_zlib is not None else zlib
        self._object = module.compressobj(_GZIP_LEVEL, module.DEFLATED, 31)

    def add(self, data: bytes) -> bytes:
        """What can be written already."""
        result: bytes = self._object.compress(data)
        return result

    def end(self) -> bytes:
        """The rest of the stream."""
        result: bytes = self._object.flush()
        return result
