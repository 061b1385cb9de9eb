"""How a registry is spoken to: requests that log in, follow redirects, and fail in words that dockerd's users know."""

import asyncio
import base64
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urljoin, urlsplit

from wharf.distribution.answers import parse_error
from wharf.distribution.challenge import (
    Challenge,
    check_realm,
    parse_challenges,
    parse_identity,
    parse_token,
    token_query,
)
from wharf.distribution.config import RegistryAuth
from wharf.distribution.endpoints import Endpoint
from wharf.errors import EngineError, InvalidArgument, Unauthenticated
from wharf.spec.reference import Reference

if TYPE_CHECKING:
    import aiohttp

LARGEST_ANSWER: Final = 1 << 20  # bytes of an error or a token
CHUNK: Final = 1 << 18
_CONNECT_TIMEOUT: Final = 30.0  # seconds
_SILENCE: Final = 60.0  # seconds without a byte until a connection counts as dead
_MOST_REDIRECTS: Final = 5
_TRIES: Final = 5
_FIRST_DELAY: Final = 0.1  # seconds; doubles with each try
CLIENT_ID: Final = "wharf"


class Unreachable(EngineError):
    """No answer at all: another endpoint may do."""


class Broken(EngineError):
    """The connection failed on the way; trying again may help."""


async def persistently(attempt: Callable[[], Awaitable[None]], done: Callable[[], int]) -> None:
    """Tries until it works, or breaks too often. `done` is how far it has come: each attempt goes on from there."""
    tries = 0
    while True:
        before = done()
        try:
            return await attempt()
        except (Broken, Unreachable):
            # Progress earns a new set of tries: large blobs over bad lines do arrive.
            tries = 1 if done() > before else tries + 1
            if tries >= _TRIES:
                raise
        await asyncio.sleep(_FIRST_DELAY * 2**tries)


class RegistrySession:
    """Asks one registry with one user's credentials. Enter it; tokens and connections end with the block.

    `scope` is what tokens are asked for; "" is no more than who the user is, and with it goes the wish for a token
    that stands for the password later (`identity`).
    """

    def __init__(self, endpoint: Endpoint, auth: RegistryAuth | None, scope: str = "") -> None:
        self._endpoint = endpoint
        self._auth = auth or RegistryAuth()
        self._scope = scope
        self._authorization = f"Bearer {self._auth.registry_token}" if self._auth.registry_token else ""
        self._login = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self.identity = ""  # what the token server gave to be kept in place of the password

    async def __aenter__(self) -> Self:
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

    def get(self, url: str, headers: Mapping[str, str]) -> "AbstractAsyncContextManager[aiohttp.ClientResponse]":
        """A GET, as ask() does it."""
        return self.ask("GET", url, headers)

    @asynccontextmanager
    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        """A request that logs in when asked to and follows redirects; secrets go to the registry itself only."""
        used = self._authorization
        response = await self._follow(method, url, headers, body, used)
        if response.status == 401:
            challenges = parse_challenges(response.headers.getall("WWW-Authenticate", []))
            async with self._login:
                if self._authorization == used:
                    self._authorization = await self._answer(challenges, url)
            if self._authorization != used:
                response.release()
                response = await self._follow(method, url, headers, body, self._authorization)
        try:
            with _explained(url, method):
                yield response
        finally:
            response.close() if not response.content.at_eof() else response.release()

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, authorization: str
    ) -> "aiohttp.ClientResponse":
        registry = urlsplit(self._endpoint.url)
        # The others would turn a request with a body into one without (RFC 9110, 15.4).
        redirects = (301, 302, 303, 307, 308) if method in ("GET", "HEAD") else (307, 308)
        for _ in range(_MOST_REDIRECTS + 1):
            target = urlsplit(url)
            # Another host, port or scheme is someone else.
            is_same = (target.scheme, target.netloc) == (registry.scheme, registry.netloc)
            sent = {**headers, "Authorization": authorization} if authorization and is_same else headers
            response = await self._send(method, url, sent, body)
            if response.status not in redirects or "Location" not in response.headers:
                return response
            response.release()
            url = self.place(url, response.headers["Location"])
        raise EngineError(f"too many redirects from {registry.netloc}")

    def place(self, url: str, location: str) -> str:
        """Where the answer to a request for `url` leads. Raises EngineError for where it must not."""
        found = urljoin(url, location)
        scheme = urlsplit(found).scheme
        if scheme not in ("http", "https") or (scheme == "http" and self._endpoint.verify):
            raise EngineError(f"the registry redirects to an address that is not safe: {found.partition('?')[0]}")
        return found

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> "aiohttp.ClientResponse":
        assert self._session is not None
        tls = True if self._endpoint.verify else _unverified()
        # In pieces: all at once would hold up everybody else.
        data = BytesIO(body) if body is not None else None
        with _explained(url, method):
            return await self._session.request(method, url, headers=headers, data=data, allow_redirects=False, ssl=tls)

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
                    "client_id": CLIENT_ID,
                }
                response = await self._session.post(realm, data=form, allow_redirects=False, ssl=tls)
            else:
                headers = {"Authorization": _basic(auth)} if auth.username else {}
                joint = "&" if "?" in realm else "?"
                address = realm + joint + token_query(challenge, self._scope, auth.username, CLIENT_ID)
                response = await self._session.get(address, headers=headers, allow_redirects=False, ssl=tls)
            async with response:
                data = await limited(response, LARGEST_ANSWER)
        if response.status != 200:
            _, text = parse_error(response.status, data)
            if response.status in (401, 403):
                raise Unauthenticated(f'Get "{realm}": {text if auth.username else "unauthorized: " + text}')
            raise EngineError(f'Get "{realm}": {text}')
        self.identity = parse_identity(data)
        return parse_token(data)


class RepositorySession(RegistrySession):
    """The same for one repository, that of a reference; `actions` are what the user must be allowed to do there."""

    actions: str

    def __init__(self, endpoint: Endpoint, reference: Reference, auth: RegistryAuth | None) -> None:
        super().__init__(endpoint, auth, f"repository:{reference.path}:{self.actions}")
        self._reference = reference

    def _url(self, kind: str, name: str) -> str:
        """Of a blob or a manifest."""
        return f"{self._endpoint.url}/v2/{self._reference.path}/{kind}/{name}"


def _basic(auth: RegistryAuth) -> str:
    return "Basic " + base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def limited(response: "aiohttp.ClientResponse", limit: int) -> bytes:
    """The whole body. Raises InvalidArgument when it is longer than `limit` bytes."""
    data = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        data += chunk
        if len(data) > limit:
            raise InvalidArgument(f"the registry's answer is longer than {limit} bytes")
    return bytes(data)


class _explained:
    """Turns what aiohttp raises into errors of ours, with the words that dockerd's users know."""

    def __init__(self, url: str, method: str = "GET") -> None:
        # Without the query, which may be signed; and as short as dockerd shows it.
        address, version, _ = url.partition("?")[0].partition("/v2/")
        self._what = f'{method.capitalize()} "{address + version}"'

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, EngineError | asyncio.CancelledError):
            return
        import aiohttp

        what = self._what
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
