"""Searches for repositories, by the first version of the registries' protocol: the later ones have none."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote_plus

import msgspec

from wharf.apitypes.distribution import SearchResult
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.endpoints import Endpoint, endpoints
from wharf.distribution.session import LARGEST_ANSWER, Broken, RegistrySession, Unreachable, limited
from wharf.errors import EngineError, InvalidArgument
from wharf.spec.reference import DEFAULT_DOMAIN
from wharf.spec.unreadable import UNREADABLE

_HUB: Final = "https://index.docker.io"
_MOST: Final = 100
USUAL: Final = 25  # results, where nobody says how many


class _Page(msgspec.Struct, frozen=True):
    results: list[SearchResult] = []


async def search(term: str, *, limit: int, auth: RegistryAuth | None, config: RegistryConfig) -> Sequence[SearchResult]:
    """Up to `limit` (0 is the usual number) repositories that fit `term`, which may begin with a registry's host.

    Raises InvalidArgument for a search that cannot be, EngineError when the registry gives no list.
    """
    if not 0 <= limit <= _MOST:
        raise InvalidArgument(f"limit {limit} is outside the range of [1, {_MOST}]")
    if "://" in term:
        raise InvalidArgument(f"invalid repository name: repository name ({term}) should not have a scheme")
    domain, words = _split(term)
    if not words:
        raise InvalidArgument("a term to search for is needed")
    query = f"/v1/search?q={quote_plus(words)}&n={limit or USUAL}"
    failure: EngineError | None = None
    for endpoint in [Endpoint(_HUB)] if domain == DEFAULT_DOMAIN else endpoints(domain, config):
        try:
            return await _search_at(endpoint, query, auth)
        except (Unreachable, Broken) as error:
            failure = error
    assert failure is not None
    raise failure


def _split(term: str) -> tuple[str, str]:
    """The registry and what to look for there."""
    first, slash, rest = term.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        domain = DEFAULT_DOMAIN if first in (DEFAULT_DOMAIN, "index.docker.io") else first
    else:
        domain, rest = DEFAULT_DOMAIN, term
    return domain, rest.removeprefix("library/") if domain == DEFAULT_DOMAIN else rest


async def _search_at(endpoint: Endpoint, query: str, auth: RegistryAuth | None) -> Sequence[SearchResult]:
    headers = {"Accept-Encoding": "identity"}
    async with RegistrySession(endpoint, auth) as session, session.get(endpoint.url + query, headers) as response:
        if response.status != 200:
            raise EngineError(f"Unexpected status code {response.status}")
        data = await limited(response, LARGEST_ANSWER)
    try:
        return msgspec.json.decode(data, type=_Page).results
    except UNREADABLE:
        raise EngineError("error decoding registry search results") from None
