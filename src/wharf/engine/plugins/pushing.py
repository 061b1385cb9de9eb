"""A plugin on its way to a registry."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from wharf.apitypes.jsonmessage import Progress, Report
from wharf.content.store import ContentStore
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.upload import Read, RegistryWriter, first_writer
from wharf.engine.images.notices import short, throttled
from wharf.engine.plugins.record import PluginRecord
from wharf.errors import told_as
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.manifest import OCI_MANIFEST, Manifest, parse_manifest
from wharf.spec.reference import Reference


async def push(
    plugin: PluginRecord, content: ContentStore, auth: RegistryAuth | None, config: RegistryConfig, report: Report
) -> None:
    """Gives the registry in the plugin's name what the plugin was made of. Raises EngineError."""
    reference = Reference.parse(plugin.name)
    document = content.read(Digest.parse(plugin.manifest_digest))
    manifest = parse_manifest(document)
    assert isinstance(manifest, Manifest)  # it was checked when it came
    report(Progress(f"The push refers to repository [{reference.familiar_name}]"))
    blobs = [*manifest.layers, manifest.config]
    for digest in (plugin.manifest_digest, *(blob.digest for blob in blobs)):
        report(Progress("Preparing", short(digest)))
    with told_as("error pushing plugin"):
        async with AsyncExitStack() as stack:
            writer = await first_writer(stack, reference, auth, config)
            for blob in blobs:
                await _push_blob(writer, blob, content.path(blob.name), report)
            await writer.put_manifest(document, manifest.media_type or OCI_MANIFEST)
    report(Progress("Upload complete", short(plugin.manifest_digest)))
    result = {"Tag": reference.tag, "Digest": plugin.manifest_digest, "Size": len(document)}
    report(Progress(aux=result))


async def _push_blob(writer: RegistryWriter, blob: Descriptor, path: Path, report: Report) -> None:
    id = short(blob.digest)
    if not await writer.has(blob):
        with path.open("rb", buffering=0) as file:
            advance: Callable[[int], None] = throttled(report, id, "Uploading", blob.size)
            await writer.upload(blob, _reader(file.fileno()), advance)
    report(Progress("Upload complete", id))


def _reader(descriptor: int) -> Read:
    def read(offset: int, count: int) -> bytes:
        return os.pread(descriptor, count, offset)

    return read
