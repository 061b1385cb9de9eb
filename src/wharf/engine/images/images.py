"""The images of this machine: looked up by any of their names."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from wharf.apitypes.distribution import DistributionInspect, SearchResult
from wharf.apitypes.images import DeleteItem, HistoryItem, ImageInspect, ImagesPruned, ImageSummary
from wharf.apitypes.jsonmessage import Report, ignore
from wharf.content.store import ContentStore
from wharf.db.database import Database
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.login import log_in
from wharf.distribution.search import search
from wharf.engine.images import describing, listing, loading, remote, removing, saving
from wharf.engine.images.catalogue import Catalogue
from wharf.engine.images.committing import NewLayer, commit
from wharf.engine.images.importing import import_tree
from wharf.engine.images.pulling import Puller
from wharf.engine.images.record import Image
from wharf.engine.images.stock import Publisher, Stock, Users, nobody
from wharf.errors import EngineError, InvalidArgument
from wharf.snapshots.driver import Driver
from wharf.spec.digest import Digest
from wharf.spec.image_config import is_built_on
from wharf.spec.reference import Reference


class Images:
    """All images. `root` is the data-root; `users` tells which containers need an image.

    `await open()` before use: it reads the records and sweeps what an interrupted operation left.
    """

    def __init__(
        self,
        db: Database,
        root: Path,
        snapshots: Driver,
        events: Publisher,
        registries: RegistryConfig | None = None,
        users: Users = nobody,
    ) -> None:
        self._scratch = root / "tmp"
        self._stock = Stock(Catalogue(db), ContentStore(root / "content"), snapshots, events, users)
        self._puller = Puller(self._stock, registries or RegistryConfig())

    async def open(self) -> None:
        """Reads the records. The snapshots must be open."""
        self._stock.content.open()
        self._scratch.mkdir(mode=0o700, exist_ok=True)
        loading.clear(self._scratch)
        self._stock.catalogue.open()
        self._stock.sweep()

    async def close(self) -> None:
        """Ends pulls that are under way; what they have got stays for another try."""
        await self._puller.close()

    def __len__(self) -> int:
        return len(self._stock.catalogue)

    def get(self, name: str) -> Image:
        """By tag, digest, id or unique beginning of an id. Raises NoSuchImage."""
        return self._stock.catalogue.get(name)

    def layers_of(self, id: str) -> Sequence[Digest] | None:
        """The chain ids of an image, lowest first; None when it is not here (any more)."""
        image = self._stock.catalogue.by_id(id)
        return image.layers if image is not None else None

    def names(self, id: str) -> Sequence[Reference]:
        """The names of an image, tags first."""
        return self._stock.catalogue.names(id)

    def descendants(self, name: str) -> frozenset[str]:
        """The ids of an image and of all that are built on it; empty when there is no such image."""
        try:
            image = self.get(name)
        except EngineError:
            return frozenset()
        above = [other.id for other in self._stock.catalogue if is_built_on(other.layers, image.layers)]
        return frozenset([image.id, *above])

    async def pull(
        self,
        reference: str,
        *,
        tag: str = "",
        platform: str = "",
        auth: RegistryAuth | None = None,
        report: Report = ignore,
    ) -> Image:
        """Fetches an image; `tag` (or a digest) replaces the reference's own.

        Raises NotFound, Unauthenticated, InvalidArgument or EngineError with dockerd's words. Pulls of the same layer
        share the work; an ended one leaves nothing but partial blobs, which the next one continues.
        """
        wanted = Reference.parse(reference)
        if tag:
            wanted = Reference.parse(f"{wanted}@{tag}") if ":" in tag else wanted.tagged(tag)
        return await self._puller.pull(wanted.with_default_tag(), platform, auth, report)

    async def log_in(self, auth: RegistryAuth) -> str:
        """Tries credentials at their registry; a token to keep in place of the password, "" for none.

        Raises Unauthenticated when the registry refuses them, EngineError when it cannot be asked.
        """
        return await log_in(auth, self._puller.registries)

    async def at_registry(self, name: str, *, auth: RegistryAuth | None = None) -> DistributionInspect:
        """What a registry has under this name; nothing is kept. Raises as `pull` does."""
        reference = Reference.parse(name).with_default_tag()
        return await remote.describe(reference, auth, self._puller.registries)

    async def search(
        self, term: str, filters: Mapping[str, Sequence[str]], *, limit: int = 0, auth: RegistryAuth | None = None
    ) -> Sequence[SearchResult]:
        """Repositories that a registry (Docker Hub, unless the term begins with another's host) finds.

        Raises InvalidArgument, or EngineError when the registry gives no list.
        """
        test = remote.search_filter(filters)
        found = await search(term, limit=limit, auth=auth, config=self._puller.registries)
        return [result for result in found if test(result)]

    async def load(
        self, stream: AsyncIterator[bytes], *, quiet: bool = False, report: Report = ignore
    ) -> Sequence[Image]:
        """Takes in an archive of `save`, made here or elsewhere (Docker's format or an OCI layout), compressed or not.

        Raises InvalidArgument for another archive. The images that were complete before a failure stay.
        """
        return await loading.load(self._stock, self._scratch, stream, ignore if quiet else report, report)

    async def import_(
        self,
        stream: AsyncIterator[bytes],
        *,
        repository: str = "",
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        platform: str = "",
        report: Report = ignore,
    ) -> str:
        """Makes an image of one layer from a tree (tar, compressed or not); gives its id. Raises InvalidArgument."""
        name = None
        if repository:
            name = Reference.parse(repository)
            name = name.tagged(tag) if tag else name.with_default_tag()
            if name.digest is not None:
                raise InvalidArgument("cannot import digest reference")
        return await import_tree(self._stock, self._scratch, stream, name, message, changes, platform, report)

    async def commit(self, parent: str, new: NewLayer, name: Reference | None = None) -> Image:
        """Makes an image of `parent` (a name or an id) with one more layer. Raises NoSuchImage, EngineError."""
        return await commit(self._stock, self.get(parent), new, name)

    def save(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        """An archive of the images, for load(): Docker's format and an OCI layout in one. Raises NoSuchImage."""
        return saving.save(self._stock, names)

    async def list(
        self,
        filters: Mapping[str, Sequence[str]],
        *,
        all: bool = False,
        digests: bool = False,
        shared_sizes: bool = False,
    ) -> Sequence[ImageSummary]:
        """GET /images/json: newest first. Raises InvalidArgument for an unknown filter."""
        found = listing.summaries(self._stock, filters)
        return listing.with_shared_sizes(self._stock, found) if shared_sizes else found

    async def inspect(self, name: str) -> ImageInspect:
        return describing.inspect(self._stock, self.get(name))

    async def history(self, name: str) -> Sequence[HistoryItem]:
        return describing.history(self._stock, self.get(name))

    async def tag(self, name: str, repository: str, tag: str = "") -> None:
        """Gives an image another name, which an other image may lose by it. Raises NoSuchImage, InvalidArgument."""
        image = self.get(name)
        reference = Reference.parse(repository)
        if reference.digest is not None:
            raise InvalidArgument("refusing to create a tag with a digest reference")
        reference = reference.tagged(tag) if tag else reference.with_default_tag()
        with self._stock.catalogue.change() as change:
            change.name(reference, image.id)
        self._stock.tell("tag", image.id, reference.familiar)

    async def remove(self, name: str, *, force: bool = False, prune_children: bool = True) -> Sequence[DeleteItem]:
        """Takes a name away, and with the last one the image. Raises NoSuchImage, Conflict."""
        return removing.remove(self._stock, name, force=force)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> ImagesPruned:
        """Removes images that no container uses: those without tags, or (dangling=false) all.

        Raises InvalidArgument for an unknown filter.
        """
        return removing.prune(self._stock, filters)

    def layers_size(self) -> int:
        """Bytes of all layers, each counted once (system df)."""
        return self._stock.layers.total()
