"""The life of a container: its start, and what happens when its process ends. Who ends it: stopping."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from wharf.engine.containers import restart as restarting
from wharf.engine.containers import wording
from wharf.engine.containers.health import Health
from wharf.engine.containers.live import Live, WaitResult
from wharf.engine.containers.record import ZERO_TIME, Container, Status
from wharf.engine.containers.starting import Starter
from wharf.engine.containers.store import ContainerStore
from wharf.engine.tasks import Tasks
from wharf.errors import Conflict, EngineError, InvalidArgument, NoSuchContainer
from wharf.events.bus import Bus
from wharf.network.waits import GivenUp
from wharf.runtime.contract import ExitStatus, Monitor
from wharf.runtime.failure import RuntimeFailed

log = logging.getLogger(__name__)


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC with microseconds, as records have it; now by default."""
    return f"{(moment or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def event_attributes(container: Container, **more: str) -> dict[str, str]:
    """What an event says of a container: image, name and its labels."""
    return {**container.config.labels, **more, "image": container.config.image, "name": container.name}


@dataclass(slots=True)
class Lives:
    """Starts, ends and watches the processes of containers. Who changes a state holds the container's lock."""

    store: ContainerStore
    starter: Starter
    events: Bus
    remove_ended: Callable[[str], Awaitable[None]]  # removes an ended container that has auto-remove, by id
    began: Callable[[Container], None] = lambda container: None  # told of each that runs now
    live: dict[str, Live] = field(default_factory=dict)
    _tasks: Tasks = field(default_factory=lambda: Tasks("a container's task failed"))
    closing: bool = False

    def of(self, container: Container) -> Live:
        return self.live.setdefault(container.id, Live(container.id))

    def health(self, container: Container) -> Health | None:
        """None when it has no check."""
        live = self.live.get(container.id)
        return live.health if live is not None else None

    def current(self, id: str) -> Container:
        """The record as it is now. Raises NoSuchContainer after its removal."""
        container = self.store.get(id)
        if container is None:
            raise NoSuchContainer(id)
        return container

    def publish(self, action: str, container: Container, **attributes: str) -> None:
        self.events.publish("container", action, container.id, event_attributes(container, **attributes))

    # ── start ──

    async def start(self, container: Container) -> bool:
        """False when it runs already. A container with auto-remove that cannot be started is removed."""
        try:
            return await self._start_once(container)
        except EngineError:
            current = self.store.get(container.id)
            if container.host.auto_remove and current is not None and current.status in (Status.CREATED, Status.EXITED):
                await self._auto_remove(container)
            raise

    async def _start_once(self, container: Container) -> bool:
        live = self.of(container)
        async with live.lock:
            container = self.current(container.id)
            if container.status is Status.PAUSED:
                raise Conflict("cannot start a paused container, try unpause instead")
            if container.status in (Status.REMOVING, Status.DEAD):
                raise Conflict("container is marked for removal and cannot be started")
            if container.status in (Status.RUNNING, Status.RESTARTING):
                return False
            live.quick_exits = 0
            await self.begin(container.with_(stopped_by_user=False, restart_count=0), live)
        return True

    async def begin(self, container: Container, live: Live) -> None:
        """Starts it, for who holds its lock, and tries an edit that waits.

        Where that fails the container is as before, and runs again if the edit says so, unless it was called off.
        """
        if container.edit is None:
            await self._run(container, live)
            return
        try:
            await self._run(await self.starter.edited(container), live)
        except Exception as error:
            self.store.update(before := self.current(container.id).without_edit())
            if container.edit.restart and not isinstance(error.__cause__, GivenUp):
                await self._run(before.with_(stopped_by_user=False), live)
            kind = InvalidArgument if isinstance(error, InvalidArgument) else EngineError
            raise kind(f"{error}: the edit of the container is undone") from error

    async def _run(self, container: Container, live: Live) -> None:
        try:
            monitor, container = await self.starter.start(container, live)
        except BaseException as error:
            self._record_failure(self.current(container.id), error)
            live.end_early_attachments()
            raise
        self.adopt(
            container.with_(
                status=Status.RUNNING,
                pid=monitor.pid,
                exit_code=0,
                error="",
                oom_killed=False,
                started_at=timestamp(monitor.started),
                finished_at=container.finished_at or ZERO_TIME,
                unfinished="",
            ),
            live,
            monitor,
        )
        self.publish("start", container)

    def _record_failure(self, container: Container, error: BaseException) -> None:
        if isinstance(error, EngineError):
            code = error.exit_code if isinstance(error, RuntimeFailed) else 128
            container = container.with_(error=str(error), exit_code=code)
        self.store.settle(container.with_(endpoints={}, parked_ports=[], pid=0))

    def adopt(self, container: Container, live: Live, monitor: Monitor) -> None:
        """From now on `monitor` tells how the container does."""
        edit = container.edit
        if edit is not None and (edit.tried or (edit.restart and not container.stopped_by_user)):
            # It runs with it; or it still runs without, and who wanted to stop it for the edit is gone. Where the
            # signal may have been sent already, the edit goes on: see Edits.resume().
            container = container.with_(edit=None)
        if container != self.store.get(container.id):
            self.store.update(container)
        live.monitor = monitor
        live.ended.clear()
        self._tasks.begin(self._watch(live, monitor), f"watch {container.id[:12]}")
        self.began(container)

    # ── end ──

    async def _watch(self, live: Live, monitor: Monitor) -> None:
        status = await monitor.wait()
        self.starter.sandboxes.give_up(live.id)  # of a network that it is being connected to
        async with live.lock:
            if (container := self.store.get(live.id)) is not None:
                await self.finish(container, live, status)
        container = self.store.get(live.id)
        if container is None or not container.host.auto_remove or container.running or self.closing or live.keep:
            return
        await self._auto_remove(container)

    async def _auto_remove(self, container: Container) -> None:
        try:
            await self.remove_ended(container.id)
        except (NoSuchContainer, Conflict):
            pass  # somebody else removes it at the same time

    async def finish(self, container: Container, live: Live, status: ExitStatus, *, restart: bool = True) -> None:
        """Records an end, gives back what the run used, tells who waits, and lets the restart policy decide."""
        try:
            await self.starter.release(container)
        except Exception:
            log.exception("could not release all of a container that ended", extra={"container": container.id})
        if live.monitor is not None:
            live.monitor.close()
            live.monitor = None
        if status.lost_log_bytes:
            facts = {"container": container.id, "bytes": str(status.lost_log_bytes)}
            log.warning("not all that a container wrote could be logged", extra=facts)
        finished = timestamp(status.finished)
        ended = container.with_(
            status=Status.EXITED,
            pid=0,
            endpoints={},
            parked_ports=[],
            exit_code=status.code,
            error=status.error,
            oom_killed=status.oom_killed,
            finished_at=finished,
        )
        pause = self._restart_delay(ended, live) if restart else None
        if pause is not None:
            ended = ended.with_(status=Status.RESTARTING)
        self.store.settle(ended)
        live.forget_unstarted_execs()
        live.ended.set()
        if status.oom_killed:
            self.publish("oom", ended)
        self.publish("die", ended, exitCode=str(status.code), execDuration=str(int(_ran(ended).total_seconds())))
        result = WaitResult(status.code)
        live.tell(result, "next-exit")
        if pause is None:
            live.tell(result, "not-running")
            live.end_early_attachments()
        else:
            live.restart = self._tasks.begin(self._restart_after(pause, live), f"restart {container.id[:12]}")

    def _restart_delay(self, ended: Container, live: Live) -> timedelta | None:
        if ended.stopped_by_user or self.closing:
            return None
        live.quick_exits = live.quick_exits + 1 if _ran(ended) < restarting.STABLE_AFTER else 0
        return restarting.delay(
            ended.host.restart_policy, ended.exit_code, restarts=ended.restart_count, quick_exits=live.quick_exits
        )

    async def resume_restart(self, container: Container) -> None:
        """The restart that an earlier daemon owed: as many are counted, and the end that led to it stays."""
        live = self.of(container)
        async with live.lock:
            container = self.current(container.id)
            if container.status is not Status.RESTARTING or live.restart is not None:
                return
            count = container.restart_count
            policy = container.host.restart_policy
            pause = restarting.delay(policy, container.exit_code, restarts=count, quick_exits=count + 1)
            live.quick_exits = count + 1  # nobody remembers which were quick; a long run begins anew
            if pause is None:
                self.store.update(container.with_(status=Status.EXITED))
            else:
                live.restart = self._tasks.begin(self._restart_after(pause, live), f"restart {container.id[:12]}")

    async def _restart_after(self, pause: timedelta, live: Live) -> None:
        await asyncio.sleep(pause.total_seconds())
        async with live.lock:
            live.restart = None
            container = self.store.get(live.id)
            if container is None or container.status is not Status.RESTARTING:
                return
            try:
                await self.begin(container.with_(restart_count=container.restart_count + 1), live)
            except Exception as error:  # whatever it is: nobody else would say that no restart comes any more
                unexpected = None if isinstance(error, EngineError) else error
                log.warning(
                    "restart failed", exc_info=unexpected, extra={"container": container.id, "reason": str(error)}
                )
                ended = self.current(live.id).with_(status=Status.EXITED)
                self.store.settle(ended)
                live.tell(WaitResult(ended.exit_code, ended.error), "not-running")

    async def close(self) -> None:
        """Leaves running containers alone and ends all that watches them."""
        self.closing = True
        await self._tasks.close()
        for live in self.live.values():
            if live.monitor is not None:
                live.monitor.close()


def _ran(container: Container) -> timedelta:
    if container.started_at == ZERO_TIME:
        return timedelta()
    return wording.parse_time(container.finished_at) - wording.parse_time(container.started_at)
