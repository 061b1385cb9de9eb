"""One layer's way in: from a stream of bytes to a blob in the content store and an unpacked directory. Blocks."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wharf.content.compression import Gzip, decompressed
from wharf.content.store import ContentStore
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.layers import Layers, Staged
from wharf.spec.digest import Digest

T = TypeVar("T")
Advance = Callable[[int], None]  # bytes done so far; called from the working thread


def _hashed(chunks: Iterable[bytes], hasher: Any) -> Iterator[bytes]:
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


def counted(chunks: Iterable[bytes], advance: Advance) -> Iterator[bytes]:
    """The same pieces; `advance` hears how many bytes have been dealt with."""
    done = 0
    for chunk in chunks:
        done += len(chunk)
        yield chunk
        advance(done)


def unpack_blob(layers: Layers, chunks: Iterable[bytes], blob: Digest, diff_id: Digest, advance: Advance) -> Staged:
    """Unpacks a layer while its blob arrives.

    Raises InvalidArgument when the bytes are not those that `blob` and `diff_id` name: then nothing is left.
    """
    of_blob, of_tar = hashlib.sha256(), hashlib.sha256()
    source = _hashed(counted(chunks, advance), of_blob)
    try:
        staged = layers.unpack(_hashed(decompressed(source), of_tar))
    except InvalidArgument:
        # The reason comes before the symptom: bytes that are not the right ones cannot be unpacked either.
        _verify_blob(source, of_blob, blob)
        raise
    try:
        _verify_blob(source, of_blob, blob)
        if of_tar.hexdigest() != diff_id.encoded:
            raise InvalidArgument(f"layers from manifest don't match image configuration: {diff_id} was expected")
    except BaseException:
        layers.discard(staged.directory)
        raise
    return staged


def _verify_blob(rest: Iterable[bytes], hasher: Any, expected: Digest) -> None:
    for _ in rest:
        pass
    if hasher.hexdigest() != expected.encoded:
        raise WrongDigest(expected)


class WrongDigest(EngineError):
    """What came is not what its name says."""

    def __init__(self, expected: Digest) -> None:
        super().__init__(f"filesystem layer verification failed for digest {expected}")
        self.expected = expected


def pack_and_unpack(
    layers: Layers, content: ContentStore, tar: Iterable[bytes], advance: Advance
) -> tuple[Staged, Digest, Digest, int]:
    """Takes in a plain tar archive: the staged layer, its diff id, the name of its gzip blob and that blob's size."""
    staged, packed = pack_beside(content, counted(tar, advance), layers.unpack)
    return staged, packed.diff_id, packed.blob, packed.size


@dataclass(frozen=True, slots=True)
class Packed:
    """A tar archive as a blob."""

    diff_id: Digest  # of the plain archive
    blob: Digest
    size: int  # bytes of the blob


def pack_beside(content: ContentStore, tar: Iterable[bytes], work: Callable[[Iterable[bytes]], T]) -> tuple[T, Packed]:
    """Makes a gzip blob of a plain tar archive while `work` reads it; what that gave, and the blob."""
    of_tar, of_blob = hashlib.sha256(), hashlib.sha256()
    scratch = content.scratch()
    size = 0

    def tee() -> Generator[bytes, None, None]:
        nonlocal size
        packer = Gzip()
        with scratch.open("wb", buffering=0) as file:
            for chunk in tar:
                of_tar.update(chunk)
                yield chunk
                packed = packer.add(chunk)
                size += _store(file, packed, of_blob)
            size += _store(file, packer.end(), of_blob)

    source = tee()
    try:
        result = work(source)
        for _ in source:
            pass
        blob = Digest("sha256", of_blob.hexdigest())
        content.adopt(scratch, blob)
    except BaseException:
        source.close()
        scratch.unlink(missing_ok=True)
        raise
    return result, Packed(Digest("sha256", of_tar.hexdigest()), blob, size)


def _store(file: Any, data: bytes, hasher: Any) -> int:
    if data:
        hasher.update(data)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
    return len(data)


def file_chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes, in pieces that suit the pipe behind."""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(1 << 18):
            yield chunk
