"""Interfaces of containers whose IPv6 addresses and router are what routers on their wire advertise (RFC 4862).

The kernel does it, in the container's namespace; this sets it up, and notices what came of it.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Self

from wharf.linux import advertisements, sysctl
from wharf.linux.advertisements import Advertised
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import Link, RouteSocket
from wharf.network.contract import Endpoint
from wharf.network.kernel import Kernel

log = logging.getLogger(__name__)

_SETTINGS: Final = {
    "accept_ra": "2",  # also in a container that is a router itself
    "autoconf": "1",
    # Of the MAC address, which is the same at every start, and only of that.
    "addr_gen_mode": "0",
    "use_tempaddr": "0",
}
#: Seconds between two looks at the addresses, which a container may change as often as it likes.
_PAUSE: Final = 1
#: Seconds after a look that failed, such as with too many open files.
_LONG_PAUSE: Final = 10


def listen(endpoint: Endpoint) -> None:
    """In the container's namespace, before its interface is up. Raises OSError."""
    own = f"net/ipv6/conf/{endpoint.inner}"
    for name, value in {**_SETTINGS, "accept_ra_defrtr": _leads(endpoint), "disable_ipv6": "0"}.items():
        sysctl.ensure(f"{own}/{name}", value)


def _leads(endpoint: Endpoint) -> str:
    return "1" if endpoint.default_route6 else "0"


def lead_out(there: Sequence[Link], endpoints: Sequence[Endpoint], namespace: int) -> set[int]:
    """Has the kernel take the way out from routers where it shall lead by these endpoints; the links of those.

    Raises OSError.
    """
    index = {link.name: link.index for link in there}
    told = [endpoint for endpoint in endpoints if endpoint.advertised and endpoint.inner in index]
    if told:
        with inside_network(namespace):
            for one in told:
                if sysctl.ensure(f"net/ipv6/conf/{one.inner}/accept_ra_defrtr", _leads(one)) and one.default_route6:
                    advertisements.solicit(one.inner)
    return {index[one.inner] for one in told if one.default_route6}


def _address(endpoint: Endpoint, namespace: int) -> Advertised:
    with RouteSocket.inside(namespace) as inside:
        link = inside.link(endpoint.inner)
        return Advertised() if link is None else advertisements.address_of(inside, link.index)


def _notices(namespace: int) -> socket.socket:
    with inside_network(namespace):
        return advertisements.notices()


class Watch:
    """Tells of each change of one endpoint's address, until stop()."""

    @classmethod
    async def begun(
        cls, endpoint: Endpoint, namespace: int, kernel: Kernel, tell: Callable[[Advertised], None]
    ) -> Self:
        """`tell` must neither block nor raise. Raises OSError."""
        told = await kernel.do_inside(namespace, _notices)
        return cls(endpoint, os.dup(namespace), kernel, tell, told)

    def __init__(
        self,
        endpoint: Endpoint,
        namespace: int,
        kernel: Kernel,
        tell: Callable[[Advertised], None],
        told: socket.socket,
    ) -> None:
        self._endpoint = endpoint
        self._namespace = namespace
        self._kernel = kernel
        self._tell = tell
        self._told = told
        self._last = Advertised(endpoint.address6, endpoint.prefix_length6)
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._follow(), name="advertised addresses")

    async def _follow(self) -> None:
        failed = False
        while True:
            try:
                await self._look()
                await asyncio.sleep(_PAUSE)
                await self._noticed()
                failed = False
            except Exception:
                if not failed:
                    log.exception("advertised addresses are told late", extra={"endpoint": self._endpoint.id})
                failed = True
                await asyncio.sleep(_LONG_PAUSE)

    async def _look(self) -> None:
        advertisements.forget(self._told)
        found = await self._kernel.do_inside(self._namespace, partial(_address, self._endpoint))
        if found != self._last:
            self._last = found
            self._tell(found)

    async def _noticed(self) -> None:
        changed = asyncio.Event()
        self._loop.add_reader(self._told, changed.set)
        try:
            await changed.wait()
        finally:
            self._loop.remove_reader(self._told)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        self._told.close()
        os.close(self._namespace)
