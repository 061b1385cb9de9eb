"""A container's resolver that is loaded with the first question: dnspython takes 7 MiB and a tenth of a second."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from wharf.network.dns.contract import Server, View
from wharf.network.dns.sockets import Ports, Sockets

if TYPE_CHECKING:
    from wharf.network.dns.resolver import Resolver

log = logging.getLogger(__name__)

#: Seconds between a load that failed and the next.
_PAUSE: Final = 1


class OnDemand:
    """Serves until close()."""

    def __init__(self, sockets: Sockets, view: View, servers: Callable[[], Sequence[Server]]) -> None:
        """See Resolver."""
        self._sockets = sockets
        self._view = view
        self._servers = servers
        self._loop = asyncio.get_running_loop()
        self._loading: asyncio.Task[None] | None = None
        self._resolver: Resolver | None = None
        self._listen()

    @property
    def ports(self) -> Ports:
        return self._sockets.ports

    def close(self) -> None:
        """Also lets the container's namespace go, which the sockets keep."""
        if self._resolver is not None:
            self._resolver.close()
        elif self._loading is not None:
            self._loading.cancel()
        else:
            self._stop_listening()
        self._sockets.close()

    def _listen(self) -> None:
        for one in (self._sockets.datagrams, self._sockets.connections):
            self._loop.add_reader(one.fileno(), self._load)

    def _load(self) -> None:
        self._stop_listening()
        self._loading = self._loop.create_task(self._begin(), name="dns")

    async def _begin(self) -> None:
        try:
            kind = await asyncio.to_thread(_kind)
            self._resolver = kind(self._sockets, self._view, self._servers)
        except Exception:  # such as too many open files
            log.exception("a container's resolver could not be loaded")
            await asyncio.sleep(_PAUSE)
            self._loading = None
            self._listen()

    def _stop_listening(self) -> None:
        for one in (self._sockets.datagrams, self._sockets.connections):
            self._loop.remove_reader(one.fileno())


def _kind() -> "type[Resolver]":
    from wharf.network.dns.resolver import Resolver

    return Resolver
