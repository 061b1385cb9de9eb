"""What registries say of images, as frozen structs that read and write the wire's JSON names."""

import msgspec

from wharf.apitypes.containers import Wire


class RemoteDescriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A manifest at a registry; `size` is its own in bytes, not the image's."""

    media_type: str
    digest: str
    size: int


class RemotePlatform(msgspec.Struct, frozen=True, kw_only=True):
    """A platform that an image is for. What is not known is left out."""

    architecture: str
    os: str
    os_version: str | msgspec.UnsetType = msgspec.field(name="os.version", default=msgspec.UNSET)
    variant: str | msgspec.UnsetType = msgspec.UNSET


class DistributionInspect(Wire, frozen=True, kw_only=True):
    """GET /distribution/{name}/json."""

    descriptor: RemoteDescriptor
    platforms: list[RemotePlatform]


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of GET /images/search, as the registry's own API has it too."""

    star_count: int = 0
    is_official: bool = False
    name: str = ""
    is_automated: bool = False
    description: str = ""
