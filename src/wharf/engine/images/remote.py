"""Images at registries, of which nothing is fetched but what describes them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from wharf.apitypes.distribution import DistributionInspect, RemoteDescriptor, RemotePlatform, SearchResult
from wharf.distribution.asking import first_answer
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.engine.images.listing import boolean
from wharf.errors import InvalidArgument
from wharf.spec.digest import Digest
from wharf.spec.image_config import parse_image_config
from wharf.spec.manifest import Index, parse_manifest
from wharf.spec.reference import Reference

_SEARCH_FILTERS: Final = frozenset({"is-automated", "is-official", "stars"})


async def describe(reference: Reference, auth: RegistryAuth | None, config: RegistryConfig) -> DistributionInspect:
    """The manifest or index of an image, and which platforms it is for. Raises as a pull does."""
    async with AsyncExitStack() as stack:
        client, data, kind = await first_answer(stack, reference, auth, config)
        document = parse_manifest(data, kind)
        if isinstance(document, Index):
            entries = [entry.platform for entry in document.manifests if entry.platform is not None]
            platforms = [_platform(one.os, one.architecture, one.variant, one.os_version) for one in entries]
        else:
            image = parse_image_config(await client.small_blob(document.config.name, document.config.size))
            platforms = [_platform(image.os, image.architecture, image.variant, image.os_version)]
    media_type = document.media_type or kind.partition(";")[0].strip()
    return DistributionInspect(
        descriptor=RemoteDescriptor(media_type=media_type, digest=str(Digest.of(data)), size=len(data)),
        platforms=platforms,
    )


def _platform(os: str, architecture: str, variant: str, version: str) -> RemotePlatform:
    return RemotePlatform(
        os=os, architecture=architecture, variant=variant or msgspec.UNSET, os_version=version or msgspec.UNSET
    )


def search_filter(filters: Mapping[str, Sequence[str]]) -> Callable[[SearchResult], bool]:
    """The test that the filters of a search ask for. Raises InvalidArgument."""
    for key in filters:
        if key not in _SEARCH_FILTERS:
            raise InvalidArgument(f"invalid filter '{key}'")
    automated, official = (
        boolean(key, filters[key]) if key in filters else None for key in ("is-automated", "is-official")
    )
    stars = 0
    for text in filters.get("stars", ()):
        if not (text.isascii() and text.isdigit()):
            raise InvalidArgument(f"invalid filter 'stars={list(filters['stars'])}'")
        stars = max(stars, int(text))

    def test(result: SearchResult) -> bool:
        return (
            automated in (None, result.is_automated)
            and official in (None, result.is_official)
            and result.star_count >= stars
        )

    return test
