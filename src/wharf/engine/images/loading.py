"""POST /images/load: archives of Docker's format and OCI layouts."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import msgspec

from wharf.apitypes.jsonmessage import Progress, Report
from wharf.content.compression import kind_of
from wharf.engine.images.archive import Archive, open_archive, spool
from wharf.engine.images.host import host_platform
from wharf.engine.images.layer_intake import Advance, file_chunks, pack_and_unpack, unpack_blob
from wharf.engine.images.notices import short, throttled
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.engine.images.thread_work import disk_errors, in_thread
from wharf.errors import InvalidArgument
from wharf.linux.trees import remove_tree
from wharf.snapshots.layers import Staged
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.image_config import parse_image_config
from wharf.spec.manifest import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Index, Manifest, parse_manifest
from wharf.spec.platform import Platform, best
from wharf.spec.reference import Reference
from wharf.spec.unreadable import UNREADABLE

_PREFIX: Final = "load-"
_NAME_ANNOTATIONS: Final = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


class Saved(msgspec.Struct, frozen=True, rename="pascal"):
    """An entry of manifest.json in Docker's archives."""

    config: str
    layers: list[str] = []
    repo_tags: list[str] | None = None


def clear(scratch: Path) -> None:
    """Removes what interrupted loads left."""
    for path in scratch.glob(f"{_PREFIX}*"):
        remove_tree(path)


@contextmanager
def scratch_directory(scratch: Path) -> Iterator[Path]:
    """A directory that is gone after the block."""
    directory = Path(mkdtemp(prefix=_PREFIX, dir=scratch))
    try:
        yield directory
    finally:
        remove_tree(directory)


async def load(
    stock: Stock, scratch: Path, stream: AsyncIterator[bytes], progress: Report, report: Report
) -> list[Image]:
    """Takes in all images of an archive; tells `report` their names. Raises InvalidArgument."""
    try:
        with disk_errors("cannot load the archive"), scratch_directory(scratch) as directory:
            return await _load(stock, directory, stream, progress, report)
    except BaseException:
        stock.sweep()  # what came of the image that failed
        raise


async def _load(
    stock: Stock, directory: Path, stream: AsyncIterator[bytes], progress: Report, report: Report
) -> list[Image]:
    spooled = directory / "archive"
    await spool(stream, spooled)

    def take_apart(chunks: Iterable[bytes]) -> Archive:
        return open_archive(chunks, directory)

    archive = await in_thread(take_apart, file_chunks(spooled))
    spooled.unlink()
    if archive.has("manifest.json"):
        return await _load_docker(stock, archive, progress, report)
    if archive.has("index.json"):
        return await _load_layout(stock, archive, progress, report)
    raise InvalidArgument("the archive has neither a manifest.json (docker save) nor an index.json (OCI layout)")


def _decode(data: bytes, kind: Any, name: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise InvalidArgument(f"invalid {name} in the archive: {error}") from None


async def _load_docker(stock: Stock, archive: Archive, progress: Report, report: Report) -> list[Image]:
    images = []
    for saved in _decode(archive.document("manifest.json"), list[Saved], "manifest.json"):
        names = [Reference.parse(tag) for tag in saved.repo_tags or ()]
        layers = [archive.find(layer) for layer in saved.layers]
        image = await _take_image(stock, archive.document(saved.config), layers, names, progress)
        images.append(image)
        _announce(stock, image, names, report)
    return images


async def _load_layout(stock: Stock, archive: Archive, progress: Report, report: Report) -> list[Image]:
    index = parse_manifest(archive.document("index.json"))
    if not isinstance(index, Index):
        raise InvalidArgument("index.json in the archive is not an index")
    images = []
    for entry in index.manifests:
        names = _names_of(entry)
        manifest = _choose(archive, entry)
        layers = [_blob(archive, layer) for layer in manifest.layers]
        config = _blob(archive, manifest.config).read_bytes()
        image = await _take_image(stock, config, layers, names, progress)
        images.append(image)
        _announce(stock, image, names, report)
    return images


def _blob(archive: Archive, descriptor: Descriptor) -> Path:
    digest = descriptor.name
    return archive.find(f"blobs/{digest.algorithm}/{digest.encoded}")


def _names_of(entry: Descriptor) -> list[Reference]:
    """The tag in the annotations; a bare tag without a repository names nothing."""
    for key in _NAME_ANNOTATIONS:
        text = entry.annotations.get(key, "")
        if "/" in text or ":" in text or (text and key == _NAME_ANNOTATIONS[0]):
            return [Reference.parse(text).with_default_tag()]
    return []


def _choose(archive: Archive, entry: Descriptor, depth: int = 0) -> Manifest:
    document = parse_manifest(_blob(archive, entry).read_bytes(), entry.media_type)
    if isinstance(document, Manifest):
        return document
    offered = [
        (Platform.normalised(one.platform.os, one.platform.architecture, one.platform.variant), one)
        for one in document.manifests
        if one.platform is not None
    ]
    chosen = best(host_platform(), offered)
    if chosen is None or depth > 3:
        raise InvalidArgument(f"no matching manifest for {host_platform()} in the archive")
    return _choose(archive, chosen, depth + 1)


def _announce(stock: Stock, image: Image, names: Sequence[Reference], report: Report) -> None:
    for name in names:
        report(Progress(stream=f"Loaded image: {name.familiar}\n"))
    if not names:
        report(Progress(stream=f"Loaded image ID: {image.id}\n"))
    stock.tell("load", image.id, names[0].familiar if names else image.id)


async def _take_image(
    stock: Stock, config_bytes: bytes, files: Sequence[Path], names: Sequence[Reference], progress: Report
) -> Image:
    """Takes in one image whose layers are files (tar, compressed or not), lowest first."""
    config = parse_image_config(config_bytes)
    chain = stock.check_config(config, len(files))
    diff_ids = [Digest.parse(text) for text in config.rootfs.diff_ids]
    known = stock.known_blobs()
    with stock.taking_in(chain):
        blobs = []
        parent = None
        for chain_id, diff_id, file in zip(chain, diff_ids, files, strict=True):
            if stock.layers.has(chain_id) and chain_id in known:
                blobs.append(known[chain_id])
            else:
                blobs.append(await take_layer(stock, file, chain_id, diff_id, parent, progress))
            parent = chain_id
        return await finish(stock, config_bytes, blobs, names)


async def take_layer(
    stock: Stock, file: Path, chain_id: Digest, diff_id: Digest, parent: Digest | None, progress: Report
) -> Descriptor:
    """Takes in one layer; a compressed file becomes the blob as it is. Raises InvalidArgument for a wrong digest."""
    advance = throttled(progress, short(str(diff_id)), "Loading layer", file.stat().st_size)
    with file.open("rb") as opened:
        kind = kind_of(opened.read(8))
    if kind in ("gzip", "zstd"):
        blob = await asyncio.to_thread(file_digest, file)
        staged = await in_thread(
            lambda chunks: unpack_blob(stock.layers, chunks, blob, diff_id, advance),
            file_chunks(file),
            lambda staged: stock.layers.discard(staged.directory),
        )
        size = file.stat().st_size
        stock.content.adopt(file, blob)
        media_type = f"{OCI_LAYER}+{kind}"
    else:
        staged, found, blob, size = await take_tar(stock, file_chunks(file), advance)
        media_type = f"{OCI_LAYER}+gzip"
        if found != diff_id:
            stock.layers.discard(staged.directory)
            raise InvalidArgument(f'invalid diffID for layer: expected "{diff_id}", got "{found}"')
    stock.layers.keep(chain_id, diff_id, parent, staged)
    return Descriptor(media_type=media_type, digest=str(blob), size=size)


async def take_tar(stock: Stock, tar: Iterable[bytes], advance: Advance) -> tuple[Staged, Digest, Digest, int]:
    """Takes in a plain tar archive; what it gives is that of pack_and_unpack()."""
    return await in_thread(
        lambda chunks: pack_and_unpack(stock.layers, stock.content, chunks, advance),
        tar,
        lambda made: stock.layers.discard(made[0].directory),
    )


async def finish(
    stock: Stock, config_bytes: bytes, blobs: Sequence[Descriptor], names: Sequence[Reference], *, parent: str = ""
) -> Image:
    """Makes the manifest of an image that came without one, and the image visible."""
    id = stock.content.put(config_bytes)
    described = Descriptor(media_type=OCI_CONFIG, digest=str(id), size=len(config_bytes))
    document = msgspec.json.encode(
        Manifest(schema_version=2, media_type=OCI_MANIFEST, config=described, layers=tuple(blobs))
    )
    manifest = Descriptor(media_type=OCI_MANIFEST, digest=str(stock.content.put(document)), size=len(document))
    return await stock.register(str(id), parse_image_config(config_bytes), blobs, manifest, names, parent=parent)


def file_digest(file: Path) -> Digest:
    """The digest of a file's bytes. Blocks."""
    with file.open("rb") as opened:
        return Digest("sha256", hashlib.file_digest(opened, "sha256").hexdigest())
