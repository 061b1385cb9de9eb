"""What the engine keeps of an image."""

import msgspec

from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.image_config import ImageConfig


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is complete on this machine. Its names are kept apart: see Images.names()."""

    id: str  # sha256:…, the digest of its config
    config: ImageConfig  # `config.config` is what its containers run
    layers: tuple[Digest, ...]  # chain ids, lowest first: what Snapshots.create() takes
    blobs: tuple[Descriptor, ...]  # the compressed layers in the content store, lowest first
    manifest: Descriptor  # in the content store; as the registry had it, or made by us
    size: int  # bytes of the unpacked layers
    created: str  # RFC 3339; the epoch's zero where the image does not say
    parent: str = ""  # id of the image it was made from, where we made it
    tagged: str = ""  # RFC 3339 time of the latest change of its names
