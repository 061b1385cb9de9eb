"""Runs the health checks of containers, as execs in them."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime

from wharf.apitypes.execs import ExecConfig
from wharf.engine.containers import health, wording
from wharf.engine.containers.health import Check, Health, Result
from wharf.engine.containers.live import Live
from wharf.engine.containers.record import Container
from wharf.engine.containers.record import Status as ContainerStatus
from wharf.engine.containers.stopping import Stops
from wharf.engine.exec.attaching import ExecAttachment
from wharf.engine.exec.service import Execs
from wharf.engine.tasks import Tasks
from wharf.errors import EngineError

log = logging.getLogger(__name__)

#: How long a killed check may take to end before it is left alone.
_KILL_PATIENCE = 10.0


@dataclass(slots=True)
class HealthChecks:
    """One task for each running container that has a check. It ends with the run of the container."""

    execs: Execs
    stops: Stops
    _tasks: Tasks = field(default_factory=lambda: Tasks("a health check failed"))

    def began(self, container: Container) -> None:
        """The container runs now."""
        live = self.execs.lives.of(container)
        check = health.check_of(container.config)
        if check is None:
            live.health = None
            return
        live.health = health.began(live.health)
        self._tasks.begin(self._watch(container, live, check), f"health of {container.id[:12]}")

    async def _watch(self, container: Container, live: Live, check: Check) -> None:
        monitor, started = live.monitor, wording.parse_time(container.started_at)
        while not await self._ended(live, check, started) and live.monitor is monitor:
            current = self.execs.lives.store.get(container.id)
            if current is None:
                return
            if current.status is not ContainerStatus.RUNNING:
                continue  # paused: nothing could answer
            result = await self._probe(current, check)
            if monitor is None or monitor.is_ending or live.monitor is not monitor or live.health is None:
                break  # a check that the container's own end has cut off says nothing
            await self._judge(current, live, health.after(live.health, result, check, result.start - started))
        if live.monitor in (None, monitor) and live.health is not None:
            live.health = health.stopped(live.health)

    async def _ended(self, live: Live, check: Check, started: datetime) -> bool:
        """Whether the container ended before the next check is due."""
        assert live.health is not None
        pause = health.pause_before_next(check, live.health, datetime.now(UTC) - started)
        try:
            await asyncio.wait_for(live.ended.wait(), pause.total_seconds())
        except TimeoutError:
            return False
        return True

    async def _judge(self, container: Container, live: Live, found: Health) -> None:
        changed = live.health is None or live.health.status is not found.status
        live.health = found
        if not changed:
            return
        self.execs.lives.publish(f"health_status: {found.status}", container)
        if found.status is health.Status.UNHEALTHY and (action := health.on_failure(container.host)) != "none":
            log.info("unhealthy", extra={"container": container.id, "action": action})
            try:
                await self.stops.end_unhealthy(container, action)
            except EngineError as error:
                log.warning("could not end what is unhealthy", extra={"container": container.id, "reason": str(error)})

    async def _probe(self, container: Container, check: Check) -> Result:
        start = datetime.now(UTC)
        try:
            code, output = await self._run(container, check)
        except (EngineError, OSError) as error:
            code, output = health.NOT_RUN, str(error)
        return Result(start, datetime.now(UTC), code, output)

    async def _run(self, container: Container, check: Check) -> tuple[int, str]:
        """Exit code and output of one check."""
        config = ExecConfig(cmd=list(check.command), attach_stdout=True, attach_stderr=True)
        running = await self.execs.begin(container, config)
        output = bytearray()
        reading = asyncio.ensure_future(_collect(running.attachment, output))
        try:
            await asyncio.wait_for(asyncio.shield(reading), check.timeout.total_seconds())
            return running.exec.exit_code or 0, health.shortened(bytes(output))
        except TimeoutError:
            await running.process.signal(9)
            await asyncio.wait((reading,), timeout=_KILL_PATIENCE)
            return health.NOT_RUN, health.too_long(check.timeout, health.shortened(bytes(output)))
        finally:
            reading.cancel()
            running.attachment.close()
            self.execs.forget(running.exec)

    async def close(self) -> None:
        """Checks nothing any more."""
        await self._tasks.close()


async def _collect(attachment: ExecAttachment, output: bytearray) -> None:
    """Reads to the end, and keeps a little more than is shown."""
    while data := await attachment.read():
        if len(output) <= health.LONGEST_OUTPUT:
            output += data
