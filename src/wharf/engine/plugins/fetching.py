"""What a plugin is made of, from a registry."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from wharf.apitypes.jsonmessage import Progress, Report
from wharf.content.arrival import Arrival
from wharf.content.compression import decompressed
from wharf.content.store import ContentStore
from wharf.distribution.asking import first_answer
from wharf.distribution.client import RegistryClient
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.engine.images.layer_intake import counted
from wharf.engine.images.loading import file_digest
from wharf.engine.images.notices import short, throttled
from wharf.engine.images.thread_work import in_thread
from wharf.engine.locks import Locks
from wharf.engine.plugins.parts import Parts
from wharf.errors import EngineError, InvalidArgument, NotFound, told_as
from wharf.snapshots.extraction import Limits
from wharf.snapshots.unpacking import unpack
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.manifest import Manifest, is_foreign, is_layer, parse_manifest
from wharf.spec.plugin_config import PLUGIN_CONFIG, PluginConfig, parse_plugin_config
from wharf.spec.reference import Reference

Check = Callable[[PluginConfig], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """A plugin at a registry. Nothing of its root file system has been fetched."""

    client: RegistryClient
    manifest: bytes
    layer: Descriptor
    config: PluginConfig
    config_bytes: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)


class Fetcher:
    """Fetches plugins into a content store; a blob that two of them want at once has one writer."""

    def __init__(self, content: ContentStore, registries: RegistryConfig) -> None:
        self._content = content
        self._registries = registries
        self._writers = Locks()

    async def config(self, reference: Reference, auth: RegistryAuth | None) -> PluginConfig:
        """What a plugin demands is in its configuration. Raises EngineError."""
        async with AsyncExitStack() as stack:
            return (await self._ask(stack, reference, auth)).config

    async def fetch(
        self, reference: Reference, auth: RegistryAuth | None, check: Check, scratch: Path, report: Report
    ) -> Parts:
        """The plugin, with its root file system unpacked below `scratch`. What `check` raises ends it before that."""
        async with AsyncExitStack() as stack:
            offer = await self._ask(stack, reference, auth)
            report(Progress(f"Pulling from {reference.familiar_name}", reference.tag or reference.familiar))
            report(Progress(f"Digest: {offer.digest}"))
            check(offer.config)
            await self._bring(offer.client, offer.layer, report)
        rootfs = scratch / "rootfs"
        rootfs.mkdir(mode=0o755)
        await self._unpack(rootfs, offer.layer, report)
        report(Progress("Complete", short(offer.layer.digest)))
        config_digest = self._content.put(offer.config_bytes)
        return Parts(offer.config, config_digest, self._content.put(offer.manifest), offer.layer.name, rootfs)

    async def _ask(self, stack: AsyncExitStack, reference: Reference, auth: RegistryAuth | None) -> Offer:
        try:
            with told_as("error resolving plugin reference"):
                client, data, kind = await first_answer(stack, reference, auth, self._registries)
        except NotFound as error:
            raise NotFound(f"error resolving plugin reference: {reference}: not found") from error
        manifest = parse_manifest(data, kind)
        if not isinstance(manifest, Manifest) or manifest.config.media_type != PLUGIN_CONFIG:
            raise EngineError(f"did not find plugin config for specified reference {reference}")
        layer = _only_layer(manifest)
        config_bytes = await client.small_blob(manifest.config.name, manifest.config.size)
        return Offer(client, data, layer, parse_plugin_config(config_bytes), config_bytes)

    async def _bring(self, client: RegistryClient, layer: Descriptor, report: Report) -> None:
        """Makes the blob one of ours."""
        id, digest = short(layer.digest), layer.name
        async with self._writers.locked(layer.digest):
            if self._content.has(digest):
                report(Progress("Already exists", id))
                return
            report(Progress("Waiting", id))
            with Arrival(self._content.partial(digest), layer.size) as arrival:
                await self._arrive(client, layer, arrival, report)
            report(Progress("Download complete", id))

    async def _arrive(self, client: RegistryClient, layer: Descriptor, arrival: Arrival, report: Report) -> None:
        """What an earlier try left is gone on with; where that was wrong, all is fetched anew, once."""
        path = self._content.partial(layer.name)
        for _ in range(2 if arrival.available else 1):
            await client.download(
                layer.name, arrival, throttled(report, short(layer.digest), "Downloading", layer.size)
            )
            if await asyncio.to_thread(file_digest, path) == layer.name:
                self._content.adopt(path, layer.name)
                return
            arrival.forget()
        path.unlink()  # nobody can continue from wrong bytes
        raise EngineError(f"filesystem layer verification failed for digest {layer.digest}")

    async def _unpack(self, rootfs: Path, layer: Descriptor, report: Report) -> None:
        advance = throttled(report, short(layer.digest), "Extracting", layer.size)

        def work(chunks: Iterable[bytes]) -> None:
            unpack(rootfs, decompressed(counted(chunks, advance)), Limits())

        await in_thread(work, self._content.chunks(layer.name))


def _only_layer(manifest: Manifest) -> Descriptor:
    """Raises InvalidArgument for a plugin that is not made as dockerd makes them."""
    if len(manifest.layers) != 1:
        raise InvalidArgument(f"a plugin has one layer, this one has {len(manifest.layers)}")
    (layer,) = manifest.layers
    if is_foreign(layer) or not is_layer(layer.media_type):
        raise InvalidArgument(f'unsupported layer media type "{layer.media_type}"')
    if layer.size < 0:
        raise InvalidArgument(f"the layer {layer.digest} has a negative size")
    return layer
