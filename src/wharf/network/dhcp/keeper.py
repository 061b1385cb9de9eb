"""Keeps one container's lease from its start to its end: asks again in time, and copes when it is lost."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Final

from wharf.errors import EngineError
from wharf.linux.clock import since_boot
from wharf.network.dhcp import exchange
from wharf.network.dhcp.exchange import Client, Refused
from wharf.network.dhcp.lease import Lease, Phase
from wharf.network.dhcp.wire import Wire

log = logging.getLogger(__name__)

#: Seconds for one attempt to renew; the lease says when the next one is.
_PATIENCE: Final = 8.0
#: Seconds between attempts to get another lease: the first, and the most.
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 120.0
#: After the daemon's start the containers of a network ask within so many seconds, not all at once.
_SPREAD: Final = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lease is used."""

    container: str  # id, for the log
    open: Callable[[], Awaitable[AbstractContextManager[Wire]]]  # raises OSError, EngineError
    use: Callable[[Lease, bool], Awaitable[None]]  # whether it is another lease than before; raises likewise
    drop: Callable[[Lease], Awaitable[None]]  # raises likewise
    tell: Callable[[Lease | None], None]  # what it is now: it must neither block nor raise


class Keeper:
    """Runs until stop(). The lease is given back by who stops it."""

    def __init__(self, client: Client, place: Place, lease: Lease, *, patience: float, taken_up: bool = False) -> None:
        """`patience` is for another lease. `taken_up`: a daemon before us has kept it, and it is asked for at once."""
        self.lease = lease
        self._client = client
        self._place = place
        self._patience = patience
        self._task = asyncio.get_running_loop().create_task(self._keep(taken_up=taken_up), name="lease")

    async def stop(self) -> None:
        """What was begun is cut off."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _keep(self, *, taken_up: bool) -> None:
        pause = random.uniform(0, _SPREAD) if taken_up else self.lease.wait(since_boot())
        while pause is not None:
            await asyncio.sleep(pause)
            try:
                await self._again(of_anybody=taken_up or self.lease.phase(since_boot()) is Phase.REBINDING)
                taken_up = False
                pause = self.lease.wait(since_boot())
            except Exception:  # whatever it is: nobody else would keep the lease
                log.exception("a lease is not kept as it should be", extra={"container": self._place.container})
                pause = _LONGEST_PAUSE

    async def _again(self, *, of_anybody: bool) -> None:
        """One attempt to go on with the lease; where that is over, to get another."""
        if self.lease.phase(since_boot()) is not Phase.EXPIRED:
            try:
                await self._use(await self._renewed(of_anybody=of_anybody), is_other=False)
                return
            except Refused as error:
                self._note("a lease is refused", error)
            except (EngineError, OSError) as error:
                if self.lease.phase(since_boot()) is not Phase.EXPIRED:
                    self._note("a lease is not renewed yet", error)
                    return
                self._note("a lease has ended", error)
        await self._replace()

    async def _renewed(self, *, of_anybody: bool) -> Lease:
        with await self._place.open() as link:
            return await exchange.renew(link, self._client, self.lease, of_anybody=of_anybody, patience=_PATIENCE)

    async def _replace(self) -> None:
        """Gives the address up, and asks until there is another, or the same again."""
        lost = self.lease
        with suppress(EngineError, OSError):
            await self._place.drop(lost)
        self._place.tell(None)
        pause = _FIRST_PAUSE
        while True:
            try:
                with await self._place.open() as link:
                    found = await exchange.obtain(
                        link, self._client, lost.address, only=lost.only, patience=self._patience
                    )
                await self._use(found, is_other=True)
                return
            except (EngineError, OSError) as error:
                self._note("no lease", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _use(self, found: Lease, *, is_other: bool) -> None:
        self.lease = found  # first: it is ours to give back, whatever becomes of its use
        await self._place.use(found, is_other)
        self._place.tell(found)

    def _note(self, what: str, error: Exception) -> None:
        facts = {"container": self._place.container, "address": self.lease.address, "reason": str(error)}
        log.warning(what, extra=facts)
