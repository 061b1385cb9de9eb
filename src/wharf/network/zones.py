"""Beside firewalld, which rejects what it does not know, finally: our bridges have a zone there that it lets pass.

What passes between containers and the rest of the world is then our own tables' to decide, as with dockerd's zone
`docker`. The bridges are put into the zone again when firewalld comes back or has read its configuration anew.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from wharf.errors import EngineError
from wharf.linux import host

if TYPE_CHECKING:
    from wharf.network.firewalld import Firewalld

log = logging.getLogger(__name__)

#: Seconds between two tries to reach a bus that has gone; the first, and the most.
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0


class Zones:
    """Of the bridges of one engine. Without firewalld it only keeps the books. No method raises."""

    def __init__(self) -> None:
        self._bridges: dict[str, str] = {}  # the zone of each; "" while none is known
        self._firewalld: Firewalld | None = None
        self._runs = False
        self._turn = asyncio.Lock()  # one change at a time
        self._task: asyncio.Task[None] | None = None

    @property
    def known(self) -> Mapping[str, str]:
        """The zone of each bridge; empty where there is no firewalld."""
        return self._bridges if self._runs else {}

    async def begin(self) -> None:
        """Looks for firewalld, now and from now on."""
        if not host.has_system_bus():
            return
        await self._open()
        self._task = asyncio.create_task(self._watch(), name="firewalld")

    async def _open(self) -> None:
        """Does nothing where no bus answers."""
        try:
            # Not above: only hosts with a bus pay for speaking to it.
            self._firewalld = await (await asyncio.to_thread(_import_client)).open()
        except (EngineError, OSError) as error:
            log.debug("firewalld cannot be looked for", extra={"reason": str(error)})
        else:
            await self._look(self._firewalld)

    async def _watch(self) -> None:
        """Over all buses that there will be: where one ends, the next is waited for."""
        while True:
            if self._firewalld is not None:
                await self._follow(self._firewalld)
            pause = _FIRST_PAUSE
            while self._firewalld is None:
                await asyncio.sleep(pause)
                await self._open()
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _follow(self, firewalld: "Firewalld") -> None:
        """Until the bus is gone."""
        try:
            while True:
                await firewalld.changed()
                await self._look(firewalld)
        except EngineError as error:
            log.warning("firewalld is not watched until there is a bus again", extra={"reason": str(error)})
        async with self._turn:
            self._firewalld, self._runs = None, False
        await firewalld.close()

    async def _look(self, firewalld: "Firewalld") -> None:
        """Has it know all bridges, if it runs."""
        async with self._turn:
            try:
                self._runs = await firewalld.runs()
                if self._runs:
                    await firewalld.prepare()
                    for bridge in self._bridges:
                        self._bridges[bridge] = await firewalld.admit(bridge)
            except EngineError as error:
                _complain(error)

    async def admit(self, bridge: str) -> None:
        """A bridge has been made."""
        async with self._turn:
            self._bridges[bridge] = ""
            if self._runs and self._firewalld is not None:
                try:
                    self._bridges[bridge] = await self._firewalld.admit(bridge)
                except EngineError as error:
                    _complain(error)

    async def dismiss(self, bridge: str) -> None:
        """A bridge is gone."""
        async with self._turn:
            known = self._bridges.pop(bridge, None) is not None
            if known and self._runs and self._firewalld is not None:
                try:
                    await self._firewalld.dismiss(bridge)
                except EngineError as error:
                    _complain(error)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._firewalld is not None:
            await self._firewalld.close()


def _complain(error: EngineError) -> None:
    log.warning("firewalld may reject what containers send and receive", extra={"reason": str(error)})


def _import_client() -> "type[Firewalld]":
    from wharf.network.firewalld import Firewalld

    return Firewalld
