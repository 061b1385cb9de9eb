"""How containers are ended and frozen by those who use them: stop, kill, restart, pause, unpause.

What is done in several steps is on record first (Container.unfinished), so that the next engine can go on.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from signal import Signals
from typing import Final

from wharf.engine.containers import signals
from wharf.engine.containers.health import OnFailure
from wharf.engine.containers.live import Live, WaitResult
from wharf.engine.containers.record import ALIVE, Container, Status, Unfinished
from wharf.engine.containers.running import Lives
from wharf.errors import Conflict, EngineError

log = logging.getLogger(__name__)

STOP_TIMEOUT: Final = 10  # seconds between the stop signal and SIGKILL, when nobody says otherwise
#: How long a SIGKILL may take to show before the user is told.
KILL_PATIENCE: Final = timedelta(seconds=10)


@dataclass(slots=True)
class Stops:
    lives: Lives

    # ── end ──

    async def stop(self, container: Container, timeout: int | None, signal: str) -> bool:
        """False when it did not run. A negative timeout waits for ever."""
        live = self.lives.of(container)
        if await self._call_off(live):
            return True
        container = self.lives.current(container.id)
        if container.status not in ALIVE:
            return False
        number = signals.parse(signal or container.config.stop_signal or "SIGTERM")
        seconds = timeout if timeout is not None else container.config.stop_timeout
        await self._end(container, live, number, STOP_TIMEOUT if seconds is None else seconds)
        self.lives.publish("stop", self.lives.store.get(container.id) or container)
        return True

    async def kill(self, container: Container, number: int) -> None:
        """Sends a signal; SIGKILL also waits for the end."""
        live = self.lives.of(container)
        ends = number in (9, signals.parse(container.config.stop_signal or "SIGTERM"))
        if await self._call_off(live, also_start=ends):
            return
        container = self.lives.current(container.id)
        container.require_alive()
        await self._signal(container, live, number, by_user=ends)
        if number == 9:
            await _within(live.ended, KILL_PATIENCE.total_seconds())

    async def end_for_removal(self, container: Container) -> None:
        """SIGKILL, and the end of any restart, or start that waits; returns when nothing runs."""
        live = self.lives.of(container)
        if not await self._call_off(live) and (container := self.lives.current(container.id)).status in ALIVE:
            await self._end(container, live, signals.parse("SIGKILL"), int(KILL_PATIENCE.total_seconds()))

    async def end_unhealthy(self, container: Container, action: OnFailure) -> None:
        """Does what a container wants to be done with it when its health check fails."""
        match action:
            case "kill":  # not by the user: the restart policy counts
                await self._signal(container, self.lives.of(container), int(Signals.SIGKILL), by_user=False)
            case "restart":
                await self.restart(container, None, "")
            case "stop":
                await self.stop(container, None, "")

    async def restart(self, container: Container, timeout: int | None, signal: str) -> None:
        """Stop, then start; its auto-remove does not apply in between."""
        live = self.lives.of(container)
        live.keep = True
        try:
            if container.status in ALIVE:
                # The intent: who is stopped now is to run again, whatever its restart policy says.
                self._note(container.id, "restart")
                await self.stop(container, timeout, signal)
            async with live.lock:
                current = self.lives.current(container.id)
                if current.status in ALIVE:
                    return
                live.cancel_restart()
                await self.lives.begin(current.with_(stopped_by_user=False, restart_count=0), live)
        finally:
            live.keep = False
            if not self.lives.closing:
                self._note(container.id, "")
        self.lives.publish("restart", self.lives.current(container.id))

    def _note(self, id: str, unfinished: Unfinished) -> None:
        current = self.lives.store.get(id)
        if current is not None and current.unfinished != unfinished:
            self.lives.store.update(current.with_(unfinished=unfinished))

    async def _call_off(self, live: Live, *, also_start: bool = True) -> bool:
        """Whether a restart was due, or a start waited for its network. What else is being started runs afterwards."""
        waited = also_start and self.lives.starter.sandboxes.give_up(live.id)
        if not waited and self.lives.current(live.id).status is not Status.RESTARTING:
            return False
        async with live.lock:
            container = self.lives.current(live.id)
            if waited and container.status in (Status.CREATED, Status.EXITED):
                self._stopped(container)
                return True
            return self._called_off(container, live)

    def _called_off(self, container: Container, live: Live) -> bool:
        """As _call_off() for a restart, for who holds the lock."""
        if container.status is not Status.RESTARTING:
            return False
        live.cancel_restart()
        if not self.lives.closing:
            self._stopped(container.with_(status=Status.EXITED))
            live.tell(WaitResult(container.exit_code), "not-running")
        return True

    def _stopped(self, container: Container) -> Container:
        """Records that its user wants it to stop.

        Where that decides whether it runs after the machine's next boot, it survives a power cut.
        """
        container = container.with_(stopped_by_user=True)
        self.lives.store.update(container, durable=container.host.restart_policy.name == "unless-stopped")
        return container

    async def _end(self, container: Container, live: Live, number: int, seconds: int) -> None:
        await self._signal(container, live, number, by_user=True)
        if await _within(live.ended, seconds if seconds >= 0 else None):
            return
        log.info("no end after the stop signal, killing", extra={"container": container.id, "timeout": seconds})
        await self._signal(container, live, 9, by_user=True)
        if not await _within(live.ended, KILL_PATIENCE.total_seconds()):
            raise EngineError(
                f"cannot stop container: {container.name}: tried to kill container, but did not receive an exit event"
            )

    async def _signal(self, container: Container, live: Live, number: int, *, by_user: bool) -> None:
        async with live.lock:
            current = self.lives.current(container.id)
            if by_user and self._called_off(current, live):
                return  # it has ended by itself, and would have come back
            if by_user and not self.lives.closing:  # what ends with the daemon comes back with it
                current = self._stopped(current)
            if live.monitor is None:
                return
            await live.monitor.signal(number)
            if current.status is Status.PAUSED:
                # A frozen process takes no signal, not even its last.
                await live.monitor.resume()
                self.lives.store.update(current.with_(status=Status.RUNNING))
        self.lives.publish("kill", current, signal=str(number))

    # ── freeze ──

    async def pause(self, container: Container, *, for_commit: bool = False) -> None:
        """With `for_commit` the next engine thaws it, if this one dies before it can."""
        live = self.lives.of(container)
        async with live.lock:
            current = self.lives.current(container.id)
            if current.status is Status.PAUSED:
                raise Conflict(f"Container {container.id} is already paused")
            current.require_alive()
            assert live.monitor is not None
            current = current.with_(unfinished="commit" if for_commit else "")
            if for_commit:
                self.lives.store.update(current)
            await live.monitor.pause()
            self.lives.store.update(current.with_(status=Status.PAUSED))
        self.lives.publish("pause", current)

    async def unpause(self, container: Container) -> None:
        live = self.lives.of(container)
        async with live.lock:
            current = self.lives.current(container.id)
            if current.status is not Status.PAUSED:
                raise EngineError(f"Container {container.id} is not paused")  # 500, as dockerd
            assert live.monitor is not None
            await live.monitor.resume()
            self.lives.store.update(current.with_(status=Status.RUNNING, unfinished=""))
        self.lives.publish("unpause", current)


async def _within(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether the event came in time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
