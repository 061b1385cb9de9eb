"""GET /images/get: an archive that is Docker's format and an OCI layout at once, as `docker save` of today makes it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from wharf.content.compression import decompressed
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.manifest import DOCKER_LAYER, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Index, Manifest
from wharf.spec.reference import Reference

_BLOCK = 512
_END = bytes(2 * _BLOCK)


def save(stock: Stock, names: Sequence[str]) -> AsyncIterator[bytes]:
    """The archive in pieces; the images are looked up at once. Raises NoSuchImage."""
    chosen: dict[str, list[Reference]] = {}
    images: dict[str, Image] = {}
    for name in names:
        image = stock.catalogue.get(name)
        images[image.id] = image
        kept = chosen.setdefault(image.id, [])
        kept += [known for known in stock.catalogue.names(image.id) if _is_asked(known, name) and known not in kept]
    return _stream(_archive(stock, list(images.values()), chosen))


def _is_asked(known: Reference, text: str) -> bool:
    """Whether `text` names this tag. An id saves the image without its names."""
    if not known.tag:
        return False
    return text in (known.familiar, str(known)) or f"{text}:latest" in (known.familiar, str(known))


async def _stream(source: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(next, source, b""):
            yield chunk
    finally:
        if hasattr(source, "close"):
            source.close()


def _archive(stock: Stock, images: Sequence[Image], names: dict[str, list[Reference]]) -> Iterator[bytes]:
    """Layers go out as plain tar, named by their diff ids: readers of the old format expect no other."""
    written: set[str] = set()
    entries, saved = [], []
    for image in images:
        layers = []
        for diff_id, blob in zip(image.config.rootfs.diff_ids, image.blobs, strict=True):
            size = _plain_size(stock, blob)
            layers.append(Descriptor(media_type=OCI_LAYER, digest=diff_id, size=size))
            if diff_id not in written:
                written.add(diff_id)
                yield from _member(_path(diff_id), size, decompressed(stock.content.chunks(blob.name)))
        config = stock.content.read(Digest.parse(image.id))
        manifest = msgspec.json.encode(
            Manifest(
                schema_version=2,
                media_type=OCI_MANIFEST,
                config=Descriptor(media_type=OCI_CONFIG, digest=image.id, size=len(config)),
                layers=tuple(layers),
            )
        )
        digest = Digest.of(manifest)
        for name, data in ((image.id, config), (str(digest), manifest)):
            if name not in written:
                written.add(name)
                yield from _member(_path(name), len(data), [data])
        entries += _index_entries(digest, len(manifest), names[image.id])
        saved.append(
            {
                "Config": _path(image.id),
                "RepoTags": [name.familiar for name in names[image.id]] or None,
                "Layers": [_path(layer.digest) for layer in layers],
            }
        )
    index = Index(schema_version=2, media_type=OCI_INDEX, manifests=tuple(entries))
    documents: dict[str, Any] = {
        "index.json": index,
        "manifest.json": saved,
        "oci-layout": {"imageLayoutVersion": "1.0.0"},
    }
    for name, document in documents.items():
        data = msgspec.json.encode(document)
        yield from _member(name, len(data), [data])
    yield _END


def _index_entries(digest: Digest, size: int, names: Sequence[Reference]) -> list[Descriptor]:
    entry = Descriptor(media_type=OCI_MANIFEST, digest=str(digest), size=size)
    if not names:
        return [entry]
    return [
        msgspec.structs.replace(
            entry,
            annotations={"io.containerd.image.name": str(name), "org.opencontainers.image.ref.name": name.tag},
        )
        for name in names
    ]


def _plain_size(stock: Stock, blob: Descriptor) -> int:
    """Bytes of the layer's tar: a header comes before its data, so the blob is decoded once for its length."""
    if blob.media_type in (OCI_LAYER, DOCKER_LAYER):
        return blob.size
    return sum(map(len, decompressed(stock.content.chunks(blob.name))))


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _member(name: str, size: int, data: Iterable[bytes]) -> Iterator[bytes]:
    """A file in a ustar archive, with a time of 0 so that the same image gives the same archive."""
    yield _header(name, size)
    yield from data
    if size % _BLOCK:
        yield bytes(-size % _BLOCK)


def _header(name: str, size: int) -> bytes:
    # Octal has room for 8 GiB; larger ones are written in base 256, which every reader of layers knows.
    length = b"%011o\0" % size if size < 8 << 30 else (size | 1 << 95).to_bytes(12, "big")
    block = bytearray(_BLOCK)
    block[0 : len(name)] = name.encode()
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[124:136] = length
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = b"ustar\0" + b"00"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
