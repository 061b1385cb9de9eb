"""What exists of a container only while the daemon runs: its lock, its monitor, and who waits for it."""

import asyncio
from dataclasses import dataclass, field
from typing import Final, Literal

from wharf.engine.containers.attaching import Attachment
from wharf.engine.containers.health import Health
from wharf.engine.exec.record import Exec
from wharf.errors import InvalidArgument
from wharf.runtime.contract import Monitor

Condition = Literal["not-running", "next-exit", "removed"]
CONDITIONS: Final[tuple[Condition, ...]] = ("not-running", "next-exit", "removed")


@dataclass(frozen=True, slots=True)
class WaitResult:
    code: int
    error: str = ""


def parse_condition(text: str) -> Condition:
    """Raises InvalidArgument in dockerd's words."""
    for condition in CONDITIONS:
        if text in (condition, ""):
            return condition
    raise InvalidArgument(f'invalid condition: "{text}"')


@dataclass(slots=True, eq=False)
class Live:
    """One container's living part. The record itself is in the store."""

    id: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # held by whoever changes its state
    monitor: Monitor | None = None  # while a process runs
    ended: asyncio.Event = field(default_factory=asyncio.Event)  # set while none runs
    early: list[Attachment] = field(default_factory=list)  # attached before the start
    restart: "asyncio.Task[None] | None" = None  # sleeps until the restart policy's delay is over
    execs: dict[str, Exec] = field(default_factory=dict)
    health: Health | None = None  # while it has a check, and of its last run
    quick_exits: int = 0
    keep: bool = False  # auto-remove does not apply: it is about to run again
    _waiters: "dict[Condition, set[asyncio.Future[WaitResult]]]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ended.set()

    def wait(self, condition: Condition) -> "asyncio.Future[WaitResult]":
        """A future that the next fitting change resolves; cancelling it forgets it."""
        future: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(condition, set())
        waiters.add(future)
        future.add_done_callback(waiters.discard)
        return future

    def tell(self, result: WaitResult, *conditions: Condition) -> None:
        """Resolves those who wait for one of `conditions`."""
        for condition in conditions:
            for future in list(self._waiters.get(condition, ())):
                if not future.done():
                    future.set_result(result)

    def forget_unstarted_execs(self) -> None:
        """They were meant for the run that has ended."""
        self.execs = {id: one for id, one in self.execs.items() if one.running or one.exit_code is not None}

    def end_early_attachments(self) -> None:
        """Those who attached before a start that will not come see the end of the stream."""
        for attachment in self.early:
            attachment.connect(None)
        self.early.clear()

    def cancel_restart(self) -> bool:
        """Whether a restart was pending, which is off now."""
        if self.restart is None:
            return False
        self.restart.cancel()
        self.restart = None
        return True
