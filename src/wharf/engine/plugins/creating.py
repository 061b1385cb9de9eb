"""A plugin from a directory that somebody built: config.json and rootfs/ in a tar archive."""

import os
import stat
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from wharf.content.compression import decompressed
from wharf.content.store import ContentStore
from wharf.engine.images.archive import spool
from wharf.engine.images.layer_intake import Packed, file_chunks, pack_beside
from wharf.engine.images.thread_work import in_thread
from wharf.engine.plugins.parts import Parts
from wharf.errors import InvalidArgument
from wharf.snapshots.extraction import Limits
from wharf.snapshots.layer_packing import packed_layer
from wharf.snapshots.unpacking import unpack
from wharf.spec.descriptor import Descriptor
from wharf.spec.manifest import DOCKER_LAYER, DOCKER_MANIFEST, Manifest
from wharf.spec.plugin_config import (
    PLUGIN_CONFIG,
    PluginConfig,
    PluginRootFS,
    format_plugin_config,
    parse_plugin_config,
)

LARGEST_CONFIG: Final = 1 << 20  # bytes
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


async def take_apart(content: ContentStore, stream: AsyncIterator[bytes], scratch: Path) -> Parts:
    """What a plugin is made of, from the archive; its root file system is then below `scratch`.

    Raises InvalidArgument for what is no plugin, EngineError and OSError when the machine fails.
    """
    archive, tree = scratch / "archive", scratch / "tree"
    await spool(stream, archive)
    tree.mkdir(mode=0o700)
    await in_thread(lambda chunks: unpack(tree, decompressed(chunks), Limits()), file_chunks(archive))
    archive.unlink()
    config = parse_plugin_config(_read_config(tree / "config.json"))
    rootfs = _rootfs(tree)
    packed = await in_thread(lambda chunks: pack_beside(content, chunks, _drain)[1], _layer(rootfs))
    return _described(content, config, packed, rootfs)


def _read_config(path: Path) -> bytes:
    """The archive is hostile: it may have anything under this name. Raises InvalidArgument."""
    try:
        descriptor = os.open(path, _FILE)
    except OSError:
        raise InvalidArgument("config not found") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidArgument("config not found")
        if status.st_size > LARGEST_CONFIG:
            raise InvalidArgument(f"failed to parse config: it is larger than {LARGEST_CONFIG} bytes")
        return file.read(LARGEST_CONFIG)


def _rootfs(tree: Path) -> Path:
    """The root file system in an unpacked archive; empty where there is none, as with dockerd."""
    rootfs = tree / "rootfs"
    if rootfs.is_symlink() or (rootfs.exists() and not rootfs.is_dir()):
        raise InvalidArgument("no rootfs found: it is not a directory")
    rootfs.mkdir(mode=0o755, exist_ok=True)
    return rootfs


def _layer(rootfs: Path) -> Iterable[bytes]:
    with closing(packed_layer(rootfs)) as chunks:  # type: ignore[type-var]
        yield from chunks


def _drain(chunks: Iterable[bytes]) -> None:
    for _ in chunks:
        pass


def _described(content: ContentStore, config: PluginConfig, packed: Packed, rootfs: Path) -> Parts:
    """Adds the configuration and the manifest that make a plugin of a layer."""
    config = msgspec.structs.replace(config, rootfs=PluginRootFS(diff_ids=(str(packed.diff_id),), type="layers"))
    document = format_plugin_config(config)
    manifest = Manifest(
        schema_version=2,
        media_type=DOCKER_MANIFEST,
        config=Descriptor(media_type=PLUGIN_CONFIG, digest=str(content.put(document)), size=len(document)),
        layers=(Descriptor(media_type=f"{DOCKER_LAYER}.gzip", digest=str(packed.blob), size=packed.size),),
    )
    digest = content.put(msgspec.json.encode(manifest))
    return Parts(config, manifest.config.name, digest, packed.blob, rootfs)
