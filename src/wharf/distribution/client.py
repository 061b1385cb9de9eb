"""A registry's client: one repository at one endpoint."""

import asyncio
import base64
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urljoin, urlsplit

from wharf.distribution.answers import parse_error, pull_error
from wharf.distribution.challenge import Challenge, check_realm, parse_challenges, parse_token, token_query
from wharf.distribution.config import RegistryAuth
from wharf.distribution.endpoints import Endpoint
from wharf.errors import EngineError, InvalidArgument, NotFound, Unauthenticated
from wharf.spec.digest import Digest
from wharf.spec.manifest import ACCEPTED
from wharf.spec.reference import Reference

if TYPE_CHECKING:
    import aiohttp

LARGEST_MANIFEST: Final = 4 << 20  # bytes, as registries limit them
LARGEST_CONFIG: Final = 16 << 20
_LARGEST_ANSWER: Final = 1 << 20  # bytes of an error or a token
_CHUNK: Final = 1 << 18
_CONNECT_TIMEOUT: Final = 30.0  # seconds
_SILENCE: Final = 60.0  # seconds without a byte until a connection counts as dead
_MOST_REDIRECTS: Final = 5
_TRIES: Final = 5
_FIRST_DELAY: Final = 0.1  # seconds; doubles with each try
_CLIENT_ID: Final = "wharf"


class Unreachable(EngineError):
    """No answer at all: another endpoint may do."""


class Broken(EngineError):
    """The connection failed on the way; trying again may help."""


class Sink(Protocol):
    """Where a blob's bytes go, in order; it may have the first ones already."""

    size: int  # bytes of the complete blob
    available: int  # bytes that are there

    def write(self, data: bytes) -> None:
        """Adds what came. Raises EngineError when it cannot be kept."""


class RegistryClient:
    """Asks for one repository with one user's credentials. Enter it; tokens and connections end with the block."""

    def __init__(self, endpoint: Endpoint, reference: Reference, auth: RegistryAuth | None) -> None:
        self._endpoint = endpoint
        self._reference = reference
        self._auth = auth or RegistryAuth()
        self._scope = f"repository:{reference.path}:pull"
        self._authorization = f"Bearer {self._auth.registry_token}" if self._auth.registry_token else ""
        self._login = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "RegistryClient":
        import aiohttp  # a quarter of a second: only for daemons that pull

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT, sock_read=_SILENCE)
        self._session = aiohttp.ClientSession(
            timeout=timeout,
            auto_decompress=False,  # digests are of the bytes as they are stored
            trust_env=True,
            read_bufsize=1 << 20,
            headers={"User-Agent": "wharf/1 (docker-compatible)"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *unused: object) -> None:
        assert self._session is not None
        await self._session.close()

    # --- what there is to ask ---

    async def manifest(self, digest: Digest | None = None) -> tuple[bytes, str]:
        """The manifest of our reference, or another of its repository, and its media type.

        Raises NotFound, Unauthenticated, Unreachable or EngineError; InvalidArgument when the digest is wrong.
        """
        digest = digest or self._reference.digest
        url = self._url("manifests", str(digest) if digest else self._reference.tag)
        async with self._get(url, {"Accept": ", ".join(ACCEPTED)}) as response:
            if response.status != 200:
                raise pull_error(self._reference, response.status, await _limited(response, _LARGEST_ANSWER))
            data = await _limited(response, LARGEST_MANIFEST)
            if digest is not None and Digest.of(data) != digest:
                raise InvalidArgument(f"manifest verification failed for digest {digest}")
            return data, response.headers.get("Content-Type", "")

    async def small_blob(self, digest: Digest, size: int) -> bytes:
        """A config. Raises InvalidArgument when it is not what its digest says."""
        if size > LARGEST_CONFIG:
            raise InvalidArgument(f"the image's configuration is too large: {size} bytes")
        async with self._get(self._url("blobs", str(digest)), {}) as response:
            if response.status != 200:
                raise await self._blob_error(response, digest)
            data = await _limited(response, size)
        if Digest.of(data) != digest:
            raise InvalidArgument(f"image config verification failed for digest {digest}")
        return data

    async def download(self, digest: Digest, arrival: Sink, advance: Callable[[int], None]) -> None:
        """Brings the rest of a blob, with several tries. Raises EngineError; what came stays in `arrival`."""
        tries = 0
        while arrival.available < arrival.size:
            before = arrival.available
            try:
                await self._download_once(digest, arrival, advance)
            except (Broken, Unreachable):
                # Progress earns a new set of tries: large blobs over bad lines do arrive.
                tries = 1 if arrival.available > before else tries + 1
                if tries >= _TRIES:
                    raise
                await asyncio.sleep(_FIRST_DELAY * 2**tries)

    async def _download_once(self, digest: Digest, arrival: Sink, advance: Callable[[int], None]) -> None:
        offset = arrival.available
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        async with self._get(self._url("blobs", str(digest)), headers) as response:
            skip = 0
            if response.status == 200:
                skip = offset  # the registry does not know ranges: what we have already comes again
            elif response.status != 206:
                raise await self._blob_error(response, digest)
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                raise EngineError(f"the registry answered with another range of {digest} than asked for")
            async for chunk in response.content.iter_chunked(_CHUNK):
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
        code, text = parse_error(response.status, await _limited(response, _LARGEST_ANSWER))
        if response.status == 404:
            return NotFound(f"blob {digest} not found: {text.replace('manifest unknown', 'blob unknown to registry')}")
        if response.status >= 500 or response.status == 429:
            return Broken(text)
        return Unauthenticated(text) if code == "UNAUTHORIZED" else EngineError(text)

    # --- how it is asked ---

    def _url(self, kind: str, name: str) -> str:
        return f"{self._endpoint.url}/v2/{self._reference.path}/{kind}/{name}"

    @asynccontextmanager
    async def _get(self, url: str, headers: Mapping[str, str]) -> "AsyncIterator[aiohttp.ClientResponse]":
        """A GET that logs in when asked to and follows redirects; secrets go to the registry itself only."""
        used = self._authorization
        response = await self._follow(url, headers, used)
        if response.status == 401:
            challenges = parse_challenges(response.headers.getall("WWW-Authenticate", []))
            async with self._login:
                if self._authorization == used:
                    self._authorization = await self._answer(challenges, url)
            if self._authorization != used:
                response.release()
                response = await self._follow(url, headers, self._authorization)
        try:
            with _explained(url):
                yield response
        finally:
            response.close() if not response.content.at_eof() else response.release()

    async def _follow(self, url: str, headers: Mapping[str, str], authorization: str) -> "aiohttp.ClientResponse":
        origin = urlsplit(url)
        for _ in range(_MOST_REDIRECTS + 1):
            target = urlsplit(url)
            # Another host, port or scheme is someone else.
            is_same = (target.scheme, target.netloc) == (origin.scheme, origin.netloc)
            sent = {**headers, "Authorization": authorization} if authorization and is_same else headers
            response = await self._send(url, sent)
            if response.status not in (301, 302, 303, 307, 308) or "Location" not in response.headers:
                return response
            response.release()
            url = urljoin(url, response.headers["Location"])
            scheme = urlsplit(url).scheme
            if scheme not in ("http", "https") or (scheme == "http" and self._endpoint.verify):
                raise EngineError(f"the registry redirects to an address that is not safe: {url.partition('?')[0]}")
        raise EngineError(f"too many redirects from {origin.netloc}")

    async def _send(self, url: str, headers: Mapping[str, str]) -> "aiohttp.ClientResponse":
        assert self._session is not None
        with _explained(url):
            return await self._session.get(
                url, headers=headers, allow_redirects=False, ssl=True if self._endpoint.verify else _unverified()
            )

    async def _answer(self, challenges: list[Challenge], url: str) -> str:
        """The Authorization header that satisfies a challenge. Raises Unauthenticated."""
        for challenge in challenges:
            if challenge.scheme == "bearer":
                return "Bearer " + await self._token(challenge)
            if challenge.scheme == "basic":
                if not self._auth.username:
                    raise EngineError(f'Get "{url}": no basic auth credentials')
                return _basic(self._auth)
        raise Unauthenticated("unauthorized: authentication required")

    async def _token(self, challenge: Challenge) -> str:
        assert self._session is not None
        realm = check_realm(challenge, self._endpoint.url)
        tls = True if self._endpoint.verify else _unverified()
        auth = self._auth
        with _explained(realm):
            if auth.identity_token:
                form = {
                    "grant_type": "refresh_token",
                    "refresh_token": auth.identity_token,
                    "service": challenge.parameters.get("service", ""),
                    "scope": self._scope,
                    "client_id": _CLIENT_ID,
                }
                response = await self._session.post(realm, data=form, allow_redirects=False, ssl=tls)
            else:
                headers = {"Authorization": _basic(auth)} if auth.username else {}
                joint = "&" if "?" in realm else "?"
                address = realm + joint + token_query(challenge, self._scope, auth.username)
                response = await self._session.get(address, headers=headers, allow_redirects=False, ssl=tls)
            async with response:
                data = await _limited(response, _LARGEST_ANSWER)
        if response.status != 200:
            _, text = parse_error(response.status, data)
            if response.status in (401, 403):
                raise Unauthenticated(f'Get "{realm}": {text if auth.username else "unauthorized: " + text}')
            raise EngineError(f'Get "{realm}": {text}')
        return parse_token(data)


def _basic(auth: RegistryAuth) -> str:
    return "Basic " + base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _limited(response: "aiohttp.ClientResponse", limit: int) -> bytes:
    """The whole body. Raises InvalidArgument when it is longer than `limit` bytes."""
    data = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        data += chunk
        if len(data) > limit:
            raise InvalidArgument(f"the registry's answer is longer than {limit} bytes")
    return bytes(data)


class _explained:
    """Turns what aiohttp raises into errors of ours, with the words that dockerd's users know."""

    def __init__(self, url: str) -> None:
        # Without the query, which may be signed; and as short as dockerd shows it.
        address, version, _ = url.partition("?")[0].partition("/v2/")
        self._url = address + version

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, EngineError | asyncio.CancelledError):
            return
        import aiohttp

        what = f'Get "{self._url}"'
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            raise Unreachable(f"{what}: tls: failed to verify certificate: {error.certificate_error}") from None
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            raise Unreachable(f"{what}: dial tcp: lookup {error.host}: no such host") from None
        if isinstance(error, aiohttp.ClientConnectorSSLError):
            raise Unreachable(f"{what}: http: server gave HTTP response to HTTPS client") from None
        if isinstance(error, aiohttp.ClientConnectorError):
            reason = (error.os_error.strerror or str(error.os_error)).lower()
            if error.os_error.errno:
                reason = os.strerror(error.os_error.errno).lower()
            raise Unreachable(f"{what}: dial tcp {error.host}:{error.port}: connect: {reason}") from None
        if isinstance(error, TimeoutError):
            raise Unreachable(f"{what}: net/http: request canceled (Client.Timeout exceeded)") from None
        if isinstance(error, aiohttp.InvalidURL | ValueError):
            raise EngineError(f"{what}: invalid address") from None
        if isinstance(error, aiohttp.ClientError | OSError):
            raise Broken(f"{what}: {str(error) or 'unexpected EOF'}") from None
