"""References to content (OCI image spec, descriptor.md)."""

import msgspec

from wharf.spec.digest import Digest


class WirePlatform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The platform of an index's entry, as it is written there."""

    architecture: str = ""
    os: str = ""
    os_version: str = msgspec.field(name="os.version", default="")
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A blob: what it is, its name, and its size in bytes."""

    media_type: str = msgspec.field(name="mediaType", default="")
    digest: str
    size: int
    urls: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    platform: WirePlatform | None = None

    @property
    def name(self) -> Digest:
        """The digest as a value. Raises InvalidArgument when it is not one that we can verify."""
        return Digest.parse(self.digest)
