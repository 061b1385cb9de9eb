"""What all operations on images share: the records, the stores below, and who is told."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from wharf.content.store import ContentStore
from wharf.engine.images.catalogue import Catalogue, now
from wharf.engine.images.record import Image
from wharf.errors import InvalidArgument
from wharf.snapshots.driver import Driver
from wharf.snapshots.layers import Layers
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.image_config import ImageConfig, chain_ids
from wharf.spec.reference import Reference

ZERO_TIME: Final = "0001-01-01T00:00:00Z"

Users = Callable[[str], Iterable[tuple[str, bool]]]
"""The containers that use an image id: container id, and whether it runs."""


class Publisher(Protocol):
    def publish(self, type: str, action: str, id: str, attributes: Mapping[str, str]) -> object:
        """Tells the world that something happened."""


def nobody(image: str) -> Iterable[tuple[str, bool]]:
    """The users of an image where there are no containers."""
    return ()


@dataclass(slots=True)
class Stock:
    catalogue: Catalogue
    content: ContentStore
    snapshots: Driver
    events: Publisher
    users: Users
    # What running operations need although no record names it yet.
    held_layers: Counter[Digest] = field(default_factory=Counter)
    intakes: int = 0

    @property
    def layers(self) -> Layers:
        return self.snapshots.layers

    @contextmanager
    def taking_in(self, layers: Sequence[Digest] = ()) -> Iterator[None]:
        """Keeps what arrives, and these layers, from being swept while the block runs."""
        self.held_layers.update(layers)
        self.intakes += 1
        try:
            yield
        finally:
            self.intakes -= 1
            self.held_layers.subtract(layers)
            self.held_layers = +self.held_layers  # without those that reached 0

    def sweep(self) -> tuple[list[Digest], int]:
        """Removes layers and blobs that nothing needs any more; gives the layers' chain ids and bytes."""
        gone = self.sweep_layers()
        if self.intakes:
            return gone  # which blobs will be needed is not known yet; the next sweep sees
        blobs: set[str] = set()
        for image in self.catalogue:
            blobs |= {image.id.removeprefix("sha256:"), image.manifest.name.encoded}
            blobs |= {blob.name.encoded for blob in image.blobs}
        self.content.keep_only(blobs)
        return gone

    def sweep_layers(self) -> tuple[list[Digest], int]:
        """The same for layers only: a pull that failed leaves its blobs for another try."""
        roots = {image.layers[-1] for image in self.catalogue if image.layers}
        roots |= self.snapshots.layers_in_use()
        roots |= set(self.held_layers)
        return self.layers.keep_only(roots)

    def known_blobs(self) -> dict[Digest, Descriptor]:
        """For each layer that an image has (chain id), the blob that it was unpacked from."""
        return {layer: blob for image in self.catalogue for layer, blob in zip(image.layers, image.blobs, strict=True)}

    def check_config(self, config: ImageConfig, layers: int) -> tuple[Digest, ...]:
        """The chain ids of an image. Raises InvalidArgument when its config does not describe its layers."""
        if len(config.rootfs.diff_ids) != layers:
            raise InvalidArgument("invalid rootfs in image configuration: the number of layers differs")
        return tuple(chain_ids(config.rootfs.diff_ids))

    async def register(
        self,
        id: str,
        config: ImageConfig,
        blobs: Sequence[Descriptor],
        manifest: Descriptor,
        names: Iterable[Reference],
        *,
        parent: str = "",
    ) -> Image:
        """Makes an image visible whose layers and blobs are all here, under `names`."""
        layers = tuple(chain_ids(config.rootfs.diff_ids))
        old = self.catalogue.by_id(id)
        if self.layers.unrecorded(layers) or old is None:
            await self.layers.sync()
        image = Image(
            id=id,
            config=config,
            layers=layers,
            blobs=tuple(blobs),
            manifest=manifest,
            size=sum(self.layers.get(layer).size for layer in layers),
            created=config.created or ZERO_TIME,
            parent=parent,
            tagged=now(),
        )
        with self.catalogue.change() as change:
            change.put(image)
            for name in names:
                change.name(name, id)
            change.also(lambda connection: self.layers.record(connection, layers))
        return image

    def tell(self, action: str, id: str, name: str) -> None:
        """Publishes an event about an image; the attributes are what dockerd's have."""
        image = self.catalogue.by_id(id)
        labels = image.config.config.labels if image is not None else {}
        self.events.publish("image", action, id, {**labels, "name": name})
