"""How all networks of an engine speak to the kernel: one thread, and sockets that stay open.

One thread, so that changes happen in order: the kernel may make it wait for milliseconds while it takes down other
containers' networks.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final, TypeVar

from wharf.linux import sysctl
from wharf.linux.netlink import RouteSocket
from wharf.linux.nftables import Nftables
from wharf.network.legacy import LegacyTables
from wharf.network.parents import ParentUsers
from wharf.network.ports import PublishedPorts
from wharf.network.subnets import Network
from wharf.network.waits import Waits
from wharf.network.zones import Zones

_T = TypeVar("_T")
#: Threads for later(). What these wait for is the kernel, mostly 20 ms.
_CLOSING: Final = 4


class Kernel:
    """Opens what is asked for when it is first asked for. Its sockets are for its own thread."""

    def __init__(self) -> None:
        self.published = PublishedPorts(*_port_range())  # of all networks: a host port is nobody else's
        self.zones = Zones()
        self.legacy = LegacyTables()
        self.waits = Waits()
        self.parents = ParentUsers()  # of all networks: a device that we made goes with the last
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._closing = ThreadPoolExecutor(_CLOSING, thread_name_prefix="network-close")
        self._closes = False  # whether its threads run
        self._routes: RouteSocket | None = None
        self._nftables: Nftables | None = None

    async def do(self, work: Callable[[], _T]) -> _T:
        """Runs `work` in the thread. It is not cut off half-way when the caller is cancelled."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    async def do_inside(self, namespace: int, work: Callable[[int], _T]) -> _T:
        """As do(), with a descriptor of the network namespace that stays good until `work` has ended.

        The caller's may be closed when he is cancelled, and its number then be that of another container's.
        """
        kept = os.dup(namespace)

        def run() -> _T:
            self._start_closing()
            try:
                return work(kept)
            finally:
                os.close(kept)

        return await self.do(run)

    def _start_closing(self) -> None:
        """A thread begins in the network namespace of who starts it, and would keep a container's."""
        if not self._closes:
            self._closes = True
            all_run = Barrier(_CLOSING + 1)
            for _ in range(_CLOSING):
                self._closing.submit(all_run.wait)
            all_run.wait()

    def later(self, work: Callable[[], None]) -> None:
        """From within do(): what takes long and nobody waits for, in another thread."""
        self._start_closing()
        self._closing.submit(work)

    def routes(self) -> RouteSocket:
        """Raises OSError."""
        if self._routes is None:
            self._routes = RouteSocket()
        return self._routes

    def nftables(self) -> Nftables:
        """Raises NftablesError."""
        if self._nftables is None:
            self._nftables = Nftables()
        return self._nftables

    def used_networks(self) -> list[Network]:
        """What this host has addresses in or routes to."""
        routes = self.routes()
        found = [*routes.routes(), *(address.network for _, address in routes.addresses())]
        # Every link has the same link-local range: it is nobody's.
        return [network for network in found if not network.is_link_local]

    def close(self) -> None:
        self._thread.shutdown()
        self._closing.shutdown()
        for kept in (self._nftables, self._routes):
            if kept is not None:
                kept.close()
        self._nftables = self._routes = None


def _port_range() -> tuple[int, int]:
    """The ports that the kernel gives to who does not choose."""
    try:
        first, last = sysctl.read("net/ipv4/ip_local_port_range").split()
    except OSError:
        return 32768, 60999
    return int(first), int(last)
