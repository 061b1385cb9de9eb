"""Notices that the host's firewall was reloaded or flushed, and has the networks repair what is theirs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from wharf.errors import EngineError
from wharf.linux.nftables_events import FirewallEvents
from wharf.network.coexisting import FILTERS
from wharf.network.families import PREFIX

log = logging.getLogger(__name__)

#: Seconds: a reload is many changes, and only the state after the last of them counts.
PATIENCE: Final = 0.2
#: Seconds between two tries of what failed where something was short, such as open files.
PAUSES: Final = (1, 2, 5, 10, 20, 40, 60, 60, 60)
_FILTER_TABLES: Final = frozenset(table.split()[1] for table in FILTERS)


def concerns_us(tables: set[str] | None) -> bool:
    """Whether a loss in these tables may be ours. None: nobody knows which they were."""
    return tables is None or any(name.startswith(PREFIX) or name in _FILTER_TABLES for name in tables)


class FirewallWatch:
    """Watches the network namespace in which it was opened, until close()."""

    def __init__(self, events: FirewallEvents, repair: Callable[[], Awaitable[None]]) -> None:
        """`repair` is called a little after each change that may be a loss of ours, also for our own changes.

        Where it raises EngineError it is called again.
        """
        self._events = events
        self._repair = repair
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._failures = 0  # since it was last as it should be
        self._loop.add_reader(events.fileno(), self._read)

    def _read(self) -> None:
        if concerns_us(self._events.read()):
            self.notice()

    def notice(self) -> None:
        """Something may be lost."""
        self._repair_in(PATIENCE)

    def _repair_in(self, seconds: float) -> None:
        self._cancel()
        self._timer = self._loop.call_later(seconds, self._begin)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._run(), name="firewall repair")
        else:
            self._repair_in(PATIENCE)  # one at a time

    async def _run(self) -> None:
        try:
            await self._repair()
            self._failures = 0
        except EngineError as error:
            if self._failures == 0:
                log.warning("the firewall is not as it was: it is tried again", extra={"reason": str(error)})
            if self._failures < len(PAUSES):
                self._repair_in(PAUSES[self._failures])
                self._failures += 1
        except Exception:
            log.exception("the firewall could not be repaired")

    async def close(self) -> None:
        self._loop.remove_reader(self._events.fileno())
        self._events.close()
        self._cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._cancel()
