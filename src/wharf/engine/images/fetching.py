"""One layer of a pull: its blob is unpacked while it arrives."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from wharf.apitypes.jsonmessage import Progress, Report
from wharf.content.arrival import Arrival
from wharf.distribution.client import RegistryClient
from wharf.engine.images.layer_intake import Advance, WrongDigest, unpack_blob
from wharf.engine.images.notices import short, throttled
from wharf.engine.images.sharing import Shared
from wharf.engine.images.stock import Stock
from wharf.engine.images.thread_work import Stopped, in_thread
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.layers import Staged
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest


@dataclass(frozen=True, slots=True)
class Plan:
    """A layer to fetch: what it will be called, and the blob that it is unpacked from."""

    chain_id: Digest
    diff_id: Digest
    parent: Digest | None
    blob: Descriptor


class LayerFetcher:
    """Fetches layers for all pulls; a layer that two of them want is fetched once."""

    def __init__(self, stock: Stock, downloads: int) -> None:
        self._stock = stock
        self._downloads = asyncio.Semaphore(downloads)
        self._shared: Shared[Digest, Descriptor] = Shared()
        self._one_writer: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def fetch(self, client: RegistryClient, plan: Plan, report: Report) -> Descriptor:
        """Makes the layer one of ours, after the one below; gives the blob it came from."""
        known = self._stock.known_blobs().get(plan.chain_id)
        if known is not None and self._stock.layers.has(plan.chain_id) and self._stock.content.has(known.name):
            report(Progress("Already exists", short(plan.blob.digest)))
            return known

        async def work(tell: Report) -> Descriptor:
            return await self._fetch(client, plan, tell)

        is_guest = self._shared.running(plan.chain_id) is not None
        try:
            return await self._shared.join(plan.chain_id, work, report)
        except Exception:
            if not is_guest:
                raise
        # Another pull's failure, or the end of its connections, is not ours.
        return await self._shared.join(plan.chain_id, work, report)

    async def _fetch(self, client: RegistryClient, plan: Plan, report: Report) -> Descriptor:
        staged = await self._unpacked(client, plan, report)
        try:
            await self._layer_below(plan.parent)
        except BaseException:
            self._stock.layers.discard(staged.directory)
            raise
        self._stock.layers.keep(plan.chain_id, plan.diff_id, plan.parent, staged)
        report(Progress("Pull complete", short(plan.blob.digest)))
        return plan.blob

    async def _layer_below(self, parent: Digest | None) -> None:
        """Waits until the parent is one of ours. Every pull asks for all its layers, so somebody works on it."""
        while parent is not None and not self._stock.layers.has(parent):
            job = self._shared.running(parent)
            if job is None:
                raise EngineError(f"the layer {parent} below could not be fetched")
            await asyncio.wait([job])

    async def _unpacked(self, client: RegistryClient, plan: Plan, report: Report) -> Staged:
        digest = plan.blob.name
        # The same blob may be in two places of an image; its partial file has one writer.
        async with self._one_writer.setdefault(digest.encoded, asyncio.Lock()):
            content = self._stock.content
            if content.has(digest):
                return await self._unpack(plan, content.chunks(digest), report)
            report(Progress("Waiting", short(plan.blob.digest)))
            async with self._downloads:
                path = content.partial(digest)
                with Arrival(path, plan.blob.size) as arrival:
                    try:
                        staged = await self._arriving(client, plan, arrival, report)
                    except (WrongDigest, InvalidArgument):
                        path.unlink(missing_ok=True)  # nobody can continue from wrong bytes
                        raise
                content.adopt(path, digest)
                return staged

    async def _arriving(self, client: RegistryClient, plan: Plan, arrival: Arrival, report: Report) -> Staged:
        """Downloads and unpacks at the same time. A partial file that was wrong is fetched anew, once."""
        continued = arrival.available > 0
        try:
            return await self._download_and_unpack(client, plan, arrival, report)
        except WrongDigest:
            if not continued:
                raise
        arrival.forget()
        return await self._download_and_unpack(client, plan, arrival, report)

    async def _download_and_unpack(
        self, client: RegistryClient, plan: Plan, arrival: Arrival, report: Report
    ) -> Staged:
        id = short(plan.blob.digest)
        unpacking = asyncio.create_task(self._unpack(plan, arrival.chunks(), report))
        try:
            advance = throttled(report, id, "Downloading", arrival.size)
            downloading = asyncio.create_task(client.download(plan.blob.name, arrival, advance))
            try:
                # A layer that cannot be unpacked need not be downloaded.
                await asyncio.wait([downloading, unpacking], return_when=asyncio.FIRST_COMPLETED)
                if not unpacking.done() or unpacking.exception() is None:
                    await downloading
                    report(Progress("Verifying Checksum", id))
                    report(Progress("Download complete", id))
                return await asyncio.shield(unpacking)
            finally:
                downloading.cancel()
                await asyncio.wait([downloading])
        except BaseException as error:
            arrival.fail(error if isinstance(error, Exception) else Stopped())
            await asyncio.wait([unpacking])
            if not unpacking.cancelled() and unpacking.exception() is None:
                self._stock.layers.discard(unpacking.result().directory)
            raise

    async def _unpack(self, plan: Plan, chunks: Iterable[bytes], report: Report) -> Staged:
        advance: Advance = throttled(report, short(plan.blob.digest), "Extracting", plan.blob.size)
        layers = self._stock.layers

        def work(source: Iterable[bytes]) -> Staged:
            return unpack_blob(layers, source, plan.blob.name, plan.diff_id, advance)

        return await in_thread(work, chunks, lambda staged: layers.discard(staged.directory))
