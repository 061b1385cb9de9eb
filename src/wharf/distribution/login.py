"""Whether a registry takes a user's credentials."""

from http import HTTPStatus
from typing import Final

from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.endpoints import Endpoint, login_endpoints
from wharf.distribution.session import Broken, RegistrySession, Unreachable
from wharf.errors import EngineError, Unauthenticated

_PHRASES: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


async def log_in(auth: RegistryAuth, config: RegistryConfig) -> str:
    """Tries the credentials at the registry of `auth.server_address`; what to keep in place of the password, or "".

    Raises Unauthenticated when they are refused, EngineError when the registry cannot be asked.
    """
    failure: EngineError | None = None
    for endpoint in login_endpoints(auth.server_address, config):
        try:
            return await _log_in_at(endpoint, auth)
        except (Unreachable, Broken) as error:
            failure = error
    assert failure is not None
    raise failure


async def _log_in_at(endpoint: Endpoint, auth: RegistryAuth) -> str:
    url = f"{endpoint.url}/v2/"
    async with RegistrySession(endpoint, auth) as session, session.get(url, {}) as response:
        if response.status == 200:
            return session.identity
        status = _PHRASES.get(response.status, str(response.status))
        text = f"login attempt to {url} failed with status: {status}"
        raise Unauthenticated(text) if response.status in (401, 403) else EngineError(text)
