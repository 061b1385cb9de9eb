"""Pulls: from a registry to a visible image."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from wharf.apitypes.jsonmessage import Progress, Report
from wharf.distribution.asking import first_answer
from wharf.distribution.client import RegistryClient
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.engine.images.fetching import LayerFetcher, Plan
from wharf.engine.images.host import host_platform
from wharf.engine.images.notices import short
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Stock
from wharf.engine.images.thread_work import disk_errors
from wharf.errors import EngineError, InvalidArgument, NotFound
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.image_config import ImageConfig, parse_image_config
from wharf.spec.manifest import IMAGE_CONFIGS, Index, Manifest, is_foreign, is_layer, parse_manifest
from wharf.spec.platform import Platform, best
from wharf.spec.plugin_config import PLUGIN_CONFIG
from wharf.spec.reference import Reference

_MOST_NESTED = 3  # indexes in indexes


class Puller:
    """All pulls under way."""

    def __init__(self, stock: Stock, registries: RegistryConfig) -> None:
        self._stock = stock
        self._fetcher = LayerFetcher(stock, registries.max_concurrent_downloads)
        self._running: set[asyncio.Task[Image]] = set()
        self.registries = registries

    async def close(self) -> None:
        """Ends all pulls."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def pull(self, reference: Reference, platform: str, auth: RegistryAuth | None, report: Report) -> Image:
        """Pulls as a task of its own, so that close() can end it."""
        task = asyncio.create_task(self._pull(reference, platform, auth, report), name=f"pull {reference}")
        self._running.add(task)
        try:
            return await task
        finally:
            self._running.discard(task)

    async def _pull(self, reference: Reference, platform: str, auth: RegistryAuth | None, report: Report) -> Image:
        wanted = Platform.parse(platform, host_platform()) if platform else host_platform()
        async with AsyncExitStack() as stack:
            client, data, kind = await first_answer(stack, reference, auth, self.registries)
            report(Progress("Pulling from " + reference.path, reference.tag or str(reference.digest)))
            top = Digest.of(data)
            digest, data, manifest = await self._choose(client, data, kind, wanted)
            before = self._stock.catalogue.named(reference)
            image = await self._take(client, reference, digest, data, manifest, top, platform and wanted, report)
        report(Progress(f"Digest: {top}"))
        news = "Image is up to date" if before is not None and before.id == image.id else "Downloaded newer image"
        report(Progress(f"Status: {news} for {reference.familiar}"))
        self._stock.tell("pull", reference.familiar, reference.familiar_name)
        return image

    async def _choose(
        self, client: RegistryClient, data: bytes, kind: str, wanted: Platform
    ) -> tuple[Digest, bytes, Manifest]:
        """The manifest for the platform, through indexes where there are some."""
        for _ in range(_MOST_NESTED):
            document = parse_manifest(data, kind)
            if isinstance(document, Manifest):
                return Digest.of(data), data, document
            data, kind = await client.manifest(_entry_for(document, wanted).name)
        raise InvalidArgument("the index leads to too many other indexes")

    async def _take(
        self,
        client: RegistryClient,
        reference: Reference,
        digest: Digest,
        data: bytes,
        manifest: Manifest,
        top: Digest,
        demanded: Platform | str,
        report: Report,
    ) -> Image:
        _check_manifest(manifest)
        config_bytes = await self._config(client, manifest.config)
        config = parse_image_config(config_bytes)
        _check_platform(reference, config, demanded)
        chain = self._stock.check_config(config, len(manifest.layers))
        names = [reference] if reference.tag else []
        names.append(reference.with_digest(top))
        described = Descriptor(media_type=manifest.media_type, digest=str(digest), size=len(data))
        try:
            with disk_errors("failed to register layer"), self._stock.taking_in(chain):
                plans = _plans(manifest, config, chain)
                blobs = await self._layers(client, plans, report)
                self._stock.content.put_verified(config_bytes, manifest.config.name)
                self._stock.content.put(data)
                return await self._stock.register(str(manifest.config.name), config, blobs, described, names)
        except BaseException:
            self._stock.sweep_layers()
            raise

    async def _config(self, client: RegistryClient, descriptor: Descriptor) -> bytes:
        if self._stock.content.has(descriptor.name):
            return self._stock.content.read(descriptor.name)
        return await client.small_blob(descriptor.name, descriptor.size)

    async def _layers(self, client: RegistryClient, plans: Sequence[Plan], report: Report) -> list[Descriptor]:
        """All layers at once, as far as the fetcher allows; the first failure ends the others."""
        for plan in plans:
            report(Progress("Pulling fs layer", short(plan.blob.digest)))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._fetcher.fetch(client, plan, report)) for plan in plans]
        except BaseExceptionGroup as errors:
            raise _plainest(errors) from None
        return [task.result() for task in tasks]


def _plainest(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to tell: one that explains itself, if there is one."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat.append(_plainest(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((error for error in flat if isinstance(error, EngineError)), flat[0])


def _entry_for(index: Index, wanted: Platform) -> Descriptor:
    offered = [
        (Platform.normalised(one.platform.os, one.platform.architecture, one.platform.variant), one)
        for one in index.manifests
        if one.platform is not None
    ]
    chosen = best(wanted, offered)
    if chosen is None and len(index.manifests) == 1 and index.manifests[0].platform is None:
        return index.manifests[0]
    if chosen is None:
        raise NotFound(f"no matching manifest for {wanted} in the manifest list entries")
    return chosen


def _check_manifest(manifest: Manifest) -> None:
    """Raises InvalidArgument for what is in a registry but not an image that we can run."""
    if manifest.config.media_type == PLUGIN_CONFIG:
        raise InvalidArgument(f'Encountered remote "{PLUGIN_CONFIG}"(plugin) when fetching')
    if manifest.config.media_type not in IMAGE_CONFIGS:
        raise InvalidArgument(f'unsupported media type "{manifest.config.media_type}": it is not an image')
    for layer in manifest.layers:
        if is_foreign(layer):
            raise InvalidArgument(
                f"the layer {layer.digest} is not distributed by registries, and not fetched elsewhere"
            )
        if not is_layer(layer.media_type):
            raise InvalidArgument(f'unsupported layer media type "{layer.media_type}"')
        if layer.size < 0:
            raise InvalidArgument(f"the layer {layer.digest} has a negative size")


def _check_platform(reference: Reference, config: ImageConfig, demanded: Platform | str) -> None:
    if config.os not in ("linux", ""):
        raise InvalidArgument(f'image operating system "{config.os}" cannot be used on this platform')
    actual = Platform.normalised(config.os or "linux", config.architecture, config.variant)
    if isinstance(demanded, Platform) and config.architecture and actual.architecture != demanded.architecture:
        raise NotFound(
            f"image with reference {reference.familiar} was found but does not match the specified platform: "
            f"wanted {demanded}, actual: {actual}"
        )


def _plans(manifest: Manifest, config: ImageConfig, chain: Sequence[Digest]) -> list[Plan]:
    parents: list[Digest | None] = [None, *chain[:-1]]
    return [
        Plan(chain_id, Digest.parse(diff_id), parent, blob)
        for chain_id, diff_id, parent, blob in zip(
            chain, config.rootfs.diff_ids, parents[: len(chain)], manifest.layers, strict=True
        )
    ]
