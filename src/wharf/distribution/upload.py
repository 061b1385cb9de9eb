"""Giving a registry content: blobs in pieces, then the manifest that names them (OCI distribution spec, "Push")."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from wharf.distribution.answers import parse_error
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.endpoints import endpoints
from wharf.distribution.session import LARGEST_ANSWER, Broken, RepositorySession, Unreachable, limited, persistently
from wharf.errors import EngineError, PermissionDenied, Unauthenticated
from wharf.spec.descriptor import Descriptor
from wharf.spec.digest import Digest
from wharf.spec.reference import Reference

if TYPE_CHECKING:
    import aiohttp

PIECE: Final = 4 << 20  # bytes of one request; what breaks is sent again from its last piece
_MOST_DIGITS: Final = 20  # of a number of bytes
_OCTETS: Final = "application/octet-stream"

Read = Callable[[int, int], bytes]
"""So many bytes of a blob from an offset, fewer only at its end. It blocks, and is called in a thread."""


@dataclass(slots=True)
class _Upload:
    """A blob on its way: where its next piece goes ("": it has not begun), and how many bytes the registry has."""

    url: str = ""
    done: int = 0


class RegistryWriter(RepositorySession):
    """Fills one repository with one user's rights. Enter it; tokens and connections end with the block."""

    actions = "pull,push"

    async def greet(self) -> None:
        """Raises Unreachable, Unauthenticated or EngineError unless this is a registry that lets us in."""
        async with self.get(f"{self._endpoint.url}/v2/", {}) as response:
            if response.status != 200:
                raise await _refusal(response)

    async def has(self, blob: Descriptor) -> bool:
        """Whether the repository has the blob already. Raises EngineError."""
        async with self.ask("HEAD", self._url("blobs", blob.digest), {}) as response:
            if response.status == 404:
                return False
            if response.status != 200:
                raise await _refusal(response)
            # One that was cut short at the registry is as good as none.
            return response.headers.get("Content-Length", str(blob.size)) == str(blob.size)

    async def upload(self, blob: Descriptor, read: Read, advance: Callable[[int], None]) -> None:
        """Brings a blob there, with several tries that go on where the last one broke. Raises EngineError."""
        upload = _Upload()

        async def attempt() -> None:
            if not (upload.url and await self._resume(upload)):
                await self._begin(upload)
            await self._send_rest(upload, blob, read, advance)

        await persistently(attempt, lambda: upload.done)

    async def put_manifest(self, data: bytes, media_type: str) -> None:
        """Makes the content visible under our reference's tag. Raises EngineError."""
        url = self._url("manifests", self._reference.tag or str(Digest.of(data)))
        async with self.ask("PUT", url, {"Content-Type": media_type}, data) as response:
            if response.status not in (HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.ACCEPTED):
                raise await _refusal(response)
            _check_digest(response, str(Digest.of(data)))

    async def _begin(self, upload: _Upload) -> None:
        url = self._url("blobs", "uploads/")
        async with self.ask("POST", url, {}, b"") as response:
            if response.status != HTTPStatus.ACCEPTED:
                raise await _refusal(response)
            upload.url, upload.done = self._next_place(response, url), 0

    async def _resume(self, upload: _Upload) -> bool:
        """Goes on from what the registry has of it. False when that knows it no more."""
        async with self.get(upload.url, {}) as response:
            if response.status != HTTPStatus.NO_CONTENT:
                return False
            upload.url, upload.done = self._next_place(response, upload.url), _received(response)
            return True

    async def _send_rest(self, upload: _Upload, blob: Descriptor, read: Read, advance: Callable[[int], None]) -> None:
        advance(upload.done)
        while blob.size - upload.done > PIECE:
            await self._send_piece(upload, await asyncio.to_thread(read, upload.done, PIECE))
            advance(upload.done)
        last = await asyncio.to_thread(read, upload.done, PIECE)
        if upload.done + len(last) != blob.size:
            raise EngineError(f"the blob {blob.digest} has not the {blob.size} bytes that it should have")
        joint = "&" if "?" in upload.url else "?"
        url = f"{upload.url}{joint}digest={quote(blob.digest, safe='')}"
        headers = {"Content-Type": _OCTETS, **_range(upload.done, last)}
        async with self.ask("PUT", url, headers, last) as response:
            if response.status not in (HTTPStatus.CREATED, HTTPStatus.NO_CONTENT):
                raise await _upload_refusal(response)
            _check_digest(response, blob.digest)
        upload.done = blob.size
        advance(upload.done)

    async def _send_piece(self, upload: _Upload, piece: bytes) -> None:
        headers = {"Content-Type": _OCTETS, **_range(upload.done, piece)}
        async with self.ask("PATCH", upload.url, headers, piece) as response:
            if response.status not in (HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT):
                raise await _upload_refusal(response)
            upload.url = self._next_place(response, upload.url)
            received = _received(response)
        if received != upload.done + len(piece):
            raise Broken(f"the registry has {received} bytes of {upload.done + len(piece)} that we sent")
        upload.done = received

    def _next_place(self, response: "aiohttp.ClientResponse", url: str) -> str:
        location = response.headers.get("Location", "")
        if not location:
            raise EngineError("the registry does not say where to upload to")
        return self.place(url, location)


async def first_writer(
    stack: AsyncExitStack, reference: Reference, auth: RegistryAuth | None, config: RegistryConfig
) -> RegistryWriter:
    """The first endpoint of the reference's registry that can be reached. `stack` closes it. Raises EngineError.

    Never a mirror: those are read.
    """
    failure: EngineError | None = None
    for endpoint in endpoints(reference.domain, config):
        if endpoint.is_mirror:
            continue
        writer = await stack.enter_async_context(RegistryWriter(endpoint, reference, auth))
        try:
            await writer.greet()
        except (Unreachable, Broken) as error:
            failure = error
            continue
        return writer
    assert failure is not None
    raise failure


def _range(start: int, piece: bytes) -> dict[str, str]:
    """Which bytes a request carries; of none nothing can be said."""
    return {"Content-Range": f"{start}-{start + len(piece) - 1}"} if piece else {}


def _received(response: "aiohttp.ClientResponse") -> int:
    """How many bytes the registry has, by its header Range ("0-99" for 100). Raises Broken."""
    first, _, last = response.headers.get("Range", "").removeprefix("bytes=").partition("-")
    if first != "0" or not (last.isascii() and last.isdigit() and len(last) < _MOST_DIGITS):
        raise Broken("the registry does not say how much of the blob it has")
    # What has begun and not a byte of it come is "0-0", too: the first byte is then sent once more.
    return int(last) + 1 if int(last) else 0


def _check_digest(response: "aiohttp.ClientResponse", expected: str) -> None:
    """Raises EngineError when the registry names what it got otherwise than we do."""
    told = response.headers.get("Docker-Content-Digest", expected)
    if told != expected:
        raise EngineError(f"the registry took {expected} for {told[:100]}")


async def _upload_refusal(response: "aiohttp.ClientResponse") -> EngineError:
    """Of an upload that had begun: the registry may have forgotten it, or have other bytes of it than we think."""
    if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
        return Broken("the registry does not know how to go on with the upload")
    return await _refusal(response)


async def _refusal(response: "aiohttp.ClientResponse") -> EngineError:
    code, text = parse_error(response.status, await limited(response, LARGEST_ANSWER))
    if response.status >= 500 or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Broken(text)
    if code == "UNAUTHORIZED":
        return Unauthenticated(text)
    return PermissionDenied(text) if code == "DENIED" else EngineError(text)
