"""Beside firewalld, which rejects what it does not know, finally: our bridges have a zone there that it lets pass.

What passes between containers and the rest of the world is then our own tables' to decide, as with dockerd's zone
`docker`. The bridges are put into the zone again when firewalld comes back or has read its configuration anew.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wharf.errors import EngineError
from wharf.linux import host

if TYPE_CHECKING:
    from wharf.network.firewalld import Firewalld

log = logging.getLogger(__name__)


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
        try:
            # Not above: only hosts with a bus pay for speaking to it.
            self._firewalld = await (await asyncio.to_thread(_import_client)).open()
        except EngineError as error:
            log.info("firewalld cannot be looked for", extra={"reason": str(error)})
            return
        await self._look(self._firewalld)
        self._task = asyncio.create_task(self._watch(self._firewalld), name="firewalld")

    async def _watch(self, firewalld: "Firewalld") -> None:
        try:
            while True:
                await firewalld.changed()
                await self._look(firewalld)
        except EngineError as error:
            self._runs = False
            log.warning("firewalld is not watched any more", extra={"reason": str(error)})

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
