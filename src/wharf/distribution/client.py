"""A registry's client: one repository at one endpoint."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from wharf.distribution.answers import parse_error, pull_error
from wharf.distribution.session import CHUNK, LARGEST_ANSWER, Broken, RepositorySession, limited, persistently
from wharf.errors import EngineError, InvalidArgument, NotFound, Unauthenticated
from wharf.spec.digest import Digest
from wharf.spec.manifest import ACCEPTED

if TYPE_CHECKING:
    import aiohttp

LARGEST_MANIFEST: Final = 4 << 20  # bytes, as registries limit them
LARGEST_CONFIG: Final = 16 << 20


class Sink(Protocol):
    """Where a blob's bytes go, in order; it may have the first ones already."""

    size: int  # bytes of the complete blob
    available: int  # bytes that are there

    def write(self, data: bytes) -> None:
        """Adds what came. Raises EngineError when it cannot be kept."""


class RegistryClient(RepositorySession):
    """Asks for one repository with one user's credentials. Enter it; tokens and connections end with the block."""

    actions = "pull"

    async def manifest(self, digest: Digest | None = None) -> tuple[bytes, str]:
        """The manifest of our reference, or another of its repository, and its media type.

        Raises NotFound, Unauthenticated, Unreachable or EngineError; InvalidArgument when the digest is wrong.
        """
        digest = digest or self._reference.digest
        url = self._url("manifests", str(digest) if digest else self._reference.tag)
        async with self.get(url, {"Accept": ", ".join(ACCEPTED)}) as response:
            if response.status != 200:
                raise pull_error(self._reference, response.status, await limited(response, LARGEST_ANSWER))
            data = await limited(response, LARGEST_MANIFEST)
            if digest is not None and Digest.of(data) != digest:
                raise InvalidArgument(f"manifest verification failed for digest {digest}")
            return data, response.headers.get("Content-Type", "")

    async def small_blob(self, digest: Digest, size: int) -> bytes:
        """A config. Raises InvalidArgument when it is not what its digest says."""
        if size > LARGEST_CONFIG:
            raise InvalidArgument(f"the image's configuration is too large: {size} bytes")
        async with self.get(self._url("blobs", str(digest)), {}) as response:
            if response.status != 200:
                raise await self._blob_error(response, digest)
            data = await limited(response, size)
        if Digest.of(data) != digest:
            raise InvalidArgument(f"image config verification failed for digest {digest}")
        return data

    async def download(self, digest: Digest, arrival: Sink, advance: Callable[[int], None]) -> None:
        """Brings the rest of a blob, with several tries. Raises EngineError; what came stays in `arrival`."""
        if arrival.available < arrival.size:
            await persistently(lambda: self._download_once(digest, arrival, advance), lambda: arrival.available)

    async def _download_once(self, digest: Digest, arrival: Sink, advance: Callable[[int], None]) -> None:
        offset = arrival.available
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        async with self.get(self._url("blobs", str(digest)), headers) as response:
            skip = 0
            if response.status == 200:
                skip = offset  # the registry does not know ranges: what we have already comes again
            elif response.status != 206:
                raise await self._blob_error(response, digest)
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                raise EngineError(f"the registry answered with another range of {digest} than asked for")
            async for chunk in response.content.iter_chunked(CHUNK):
                if skip:
                    skipped = min(skip, len(chunk))
                    skip -= skipped
                    if not (chunk := chunk[skipped:]):
                        continue
                arrival.write(chunk)
                advance(arrival.available)
        if arrival.available < arrival.size:
            raise Broken(f"unexpected EOF: {digest} has {arrival.available} of {arrival.size} bytes")

    async def _blob_error(self, response: "aiohttp.ClientResponse", digest: Digest) -> EngineError:
        code, text = parse_error(response.status, await limited(response, LARGEST_ANSWER))
        if response.status == 404:
            return NotFound(f"blob {digest} not found: {text.replace('manifest unknown', 'blob unknown to registry')}")
        if response.status >= 500 or response.status == 429:
            return Broken(text)
        return Unauthenticated(text) if code == "UNAUTHORIZED" else EngineError(text)
