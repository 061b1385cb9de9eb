"""The first registry that answers for an image."""

from contextlib import AsyncExitStack

from wharf.distribution.client import RegistryClient
from wharf.distribution.config import RegistryAuth, RegistryConfig
from wharf.distribution.endpoints import endpoints
from wharf.distribution.session import Broken, Unreachable
from wharf.errors import EngineError
from wharf.spec.reference import Reference


async def first_answer(
    stack: AsyncExitStack, reference: Reference, auth: RegistryAuth | None, config: RegistryConfig
) -> tuple[RegistryClient, bytes, str]:
    """The first endpoint that has the image, and the manifest and media type it gave. `stack` closes the client.

    Raises the last error, or the plainest.
    """
    failure: EngineError | None = None
    for endpoint in endpoints(reference.domain, config):
        # A mirror is not the registry that the credentials are for.
        client = RegistryClient(endpoint, reference, None if endpoint.is_mirror else auth)
        await stack.enter_async_context(client)
        try:
            data, kind = await client.manifest()
        except EngineError as error:
            # A registry that spoke has said more than one that could not be reached.
            if failure is None or isinstance(failure, Unreachable) or not isinstance(error, Unreachable):
                failure = error
            if isinstance(error, Unreachable | Broken) or endpoint.is_mirror:
                continue
            break
        return client, data, kind
    assert failure is not None
    raise failure
