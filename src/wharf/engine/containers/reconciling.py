"""At the daemon's start: make the records agree with what the kernel and the shims show."""

import asyncio
import logging
from datetime import UTC, datetime

from wharf.engine.containers import boot_order, restart
from wharf.engine.containers.live import Live
from wharf.engine.containers.record import ZERO_TIME, Container, Status
from wharf.engine.containers.running import timestamp
from wharf.engine.containers.service import Containers
from wharf.engine.containers.starting import Places
from wharf.engine.containers.store import ContainerStore
from wharf.engine.networks.sandboxes import Sandboxes
from wharf.errors import EngineError
from wharf.linux import cgroups
from wharf.network.watching import PAUSES
from wharf.runtime.contract import ExitStatus, Monitor, Monitors

log = logging.getLogger(__name__)

#: How many restart at once: more would only make all of them slow.
STARTS_AT_ONCE = 8
#: How many shims are asked at once: all together would keep the processor from who asks us.
TAKEN_UP_AT_ONCE = 8
#: Seconds that the end of a container that nobody owns may take.
END_PATIENCE = 5.0


def lost(container: Container) -> ExitStatus:
    """The end of a container that nobody saw ending."""
    return ExitStatus(255, datetime.now(UTC), error="the container's end was not seen: its host or its shim went down")


def _is_being_edited(container: Container) -> bool:
    """Whether it has been stopped, or is being stopped, to run again with other settings."""
    return container.edit is not None and container.edit.restart


def _is_to_run_again(container: Container) -> bool:
    """Whether somebody has stopped it, or is stopping it, to start it again."""
    return _is_being_edited(container) or container.unfinished == "restart"


def _is_frozen(monitor: Monitor) -> bool:
    """As the kernel has it: a daemon may have died between a freezing, or thawing, and its record."""
    try:
        return cgroups.is_frozen(monitor.cgroup)
    except OSError:
        return False  # its group has gone: it is about to end


class Reconciler:
    """Runs once, before the first request."""

    def __init__(
        self, store: ContainerStore, containers: Containers, monitors: Monitors, sandboxes: Sandboxes, places: Places
    ) -> None:
        self._store = store
        self._containers = containers
        self._lives = containers.lives
        self._monitors = monitors
        self._sandboxes = sandboxes
        self._places = places
        self._adopted: set[Live] = set()  # locked until they are taken up
        self._slots = asyncio.Semaphore(TAKEN_UP_AT_ONCE)

    async def run(self) -> list[Container]:
        """Adopts what runs, records what ended, sweeps what nobody owns. Returns what is to be started again.

        What was adopted waits for take_up(), and until then nobody changes it.
        """
        self._places.bundles.mkdir(parents=True, exist_ok=True)
        bundles = {path.name for path in self._places.bundles.iterdir()}
        # Addresses first: a container that ended while we were away gives its own back below.
        await self._sandboxes.restore()
        again = await asyncio.gather(*(self._settled(c, c.id in bundles) for c in self._store))
        await asyncio.gather(*(self._swept(id) for id in bundles if self._store.get(id) is None))
        return [container for container in again if container is not None]

    async def _settled(self, container: Container, has_bundle: bool) -> Container | None:
        """As _settle(); what is wrong with one container must not keep the engine from all others."""
        try:
            return await self._settle(container, has_bundle)
        except Exception:
            log.exception("cannot tell what became of a container", extra={"container": container.id})
            return None

    async def _settle(self, container: Container, has_bundle: bool) -> Container | None:
        """One record. Returns it when it is to be started again: by its restart policy, or for an edit."""
        if container.status is Status.REMOVING:
            await self._containers.removals.finish(container)
            return None
        was_running = container.running
        live = self._lives.of(container)
        if has_bundle and await self._reopen(container, live):
            adopted = self._lives.current(container.id)
            return adopted if _is_to_run_again(adopted) else None
        if (between := self._lives.current(container.id)).status is Status.RESTARTING:
            # How its last run ended is known. What a start that was cut off has taken is given back.
            if has_bundle or between.endpoints:
                await self._lives.starter.release(between)
                self._store.update(between.with_(endpoints={}, parked_ports=[]))
            return between
        if was_running and (current := self._store.get(container.id)) is not None and current.running:
            await self._lives.finish(current, live, lost(current), restart=False)
        elif container.endpoints and not has_bundle:
            # A start that got no further than its address.
            await self._sandboxes.release(container)
            self._store.update(container.with_(endpoints={}, parked_ports=[]))
        return self._after_end(container.id)

    async def _reopen(self, container: Container, live: Live) -> bool:
        """Whether it runs."""
        found = await self._monitors.reopen(container.id, self._places.bundle(container.id))
        if found is None and container.status is Status.RESTARTING:
            return False  # the start was cut off
        if found is None and not container.running:
            # So was this one, which nobody has been told of: the container is as it was before.
            await self._lives.starter.release(container)
            self._store.update(container.with_(endpoints={}, parked_ports=[]))
            return False
        if found is None or isinstance(found, ExitStatus):
            await self._lives.finish(container, live, found or lost(container), restart=False)
            return False
        frozen = _is_frozen(found)
        if frozen and container.unfinished == "commit":
            await found.resume()  # nobody makes an image of it any more
            frozen, container = False, container.with_(unfinished="")
        status = Status.PAUSED if frozen else Status.RUNNING
        started = timestamp(found.started) if found.started else container.started_at
        adopted = container.with_(status=status, pid=found.pid, started_at=started)
        await live.lock.acquire()
        self._adopted.add(live)
        self._lives.adopt(adopted, live, found)
        return True

    async def take_up(self) -> None:
        """Has the shims of what was adopted tell of it again, and restores the networks, which work in the meantime.

        In the background, after the API answers.
        """
        await asyncio.gather(*(self._taken_up(live) for live in list(self._adopted)))

    def let_go(self) -> None:
        """At the end, which may come before all are taken up: nobody need wait for those that are not."""
        for live in list(self._adopted):
            self._unlock(live)

    def _unlock(self, live: Live) -> None:
        if live in self._adopted:
            self._adopted.discard(live)
            live.lock.release()

    async def _taken_up(self, live: Live) -> None:
        """Tried again where it fails, and in between others may change the container."""
        monitor = live.monitor
        try:
            failure = await self._try_to_take_up(live, monitor)
        finally:
            self._unlock(live)
        if failure is None:
            return
        _warn("a container that runs is not looked after as it was: it is tried again", live, failure)
        for pause in PAUSES:
            await asyncio.sleep(pause)
            async with live.lock:
                failure = await self._try_to_take_up(live, monitor)
            if failure is None:
                return
        _warn("a container that runs is not looked after as it was, until the next start", live, failure)

    async def _try_to_take_up(self, live: Live, monitor: Monitor | None) -> Exception | None:
        """Returns what it failed with. A run that has ended needs nothing."""
        try:
            async with self._slots:
                if monitor is not None and live.monitor is monitor:
                    await self._take_up(live, monitor)
        except Exception as error:
            return error
        return None

    async def _take_up(self, live: Live, monitor: Monitor) -> None:
        await monitor.found()
        try:
            await self._sandboxes.adopt(self._lives.current(live.id), monitor)
        finally:
            self._lives.starter.note_addresses(self._lives.current(live.id))

    def _after_end(self, id: str) -> Container | None:
        container = self._store.get(id)
        if container is None:
            return None
        if _is_to_run_again(container):
            return container
        if container.started_at == ZERO_TIME:
            return None  # created, and nobody has wanted it to run yet
        again = restart.after_daemon_start(
            container.host.restart_policy,
            container.exit_code,
            restarts=container.restart_count,
            stopped_by_user=container.stopped_by_user,
        )
        if again and container.restart_count and not container.stopped_by_user:
            # It ended while a restart was under way: the count goes on, and so does the delay.
            container = container.with_(status=Status.RESTARTING)
            self._store.update(container)
        return container if again else None

    async def _swept(self, id: str) -> None:
        """As _sweep(), whatever is wrong with it."""
        try:
            await self._sweep(id)
        except Exception:
            log.exception("cannot sweep what nobody owns", extra={"container": id})

    async def _sweep(self, id: str) -> None:
        """A bundle without a record: a container whose removal, or whose creation, was cut off."""
        bundle = self._places.bundle(id)
        found = await self._monitors.reopen(id, bundle)
        if found is not None and not isinstance(found, ExitStatus):
            await self._end(found)
        await self._monitors.remove(bundle)

    async def _end(self, monitor: Monitor) -> None:
        """Kills what runs, also when it is frozen; what will not die does not keep the daemon from starting."""
        try:
            await monitor.signal(9)
            await asyncio.to_thread(cgroups.kill, monitor.cgroup, timeout=END_PATIENCE)
            await asyncio.wait_for(monitor.wait(), END_PATIENCE)
        except TimeoutError:
            log.warning("a container that nobody owns does not end", extra={"container": monitor.id})
        finally:
            monitor.close()

    async def start_again(self, containers: list[Container]) -> None:
        """Starts by policy, removes what asked for it; in the background, after the API answers."""
        slots = asyncio.Semaphore(STARTS_AT_ONCE)

        async def start(container: Container) -> None:
            async with slots:
                try:
                    if _is_being_edited(container):
                        await self._containers.edits.resume(container)
                    elif container.unfinished == "restart":
                        await self._containers.stops.restart(container, None, "")
                    elif container.status is Status.RESTARTING:
                        await self._lives.resume_restart(container)
                    else:
                        await self._containers.start(container.id)
                except Exception as error:  # whatever it is: others wait for their turn
                    _warn("a container did not start again", container, error)

        again = {container.id for container in containers}
        # What was created only waits for its first run still.
        ended = [
            c
            for c in self._store
            if c.host.auto_remove and not c.running and c.started_at != ZERO_TIME and c.id not in again
        ]
        removals = asyncio.gather(*(self._remove(c) for c in ended))
        for wave in boot_order.waves(containers, self._store.search):
            await asyncio.gather(*(start(container) for container in wave))
        await removals

    async def _remove(self, container: Container) -> None:
        try:
            await self._containers.remove(container.id, volumes=True)
        except Exception as error:
            _warn("auto-remove failed", container, error)


def _warn(what: str, container: Container | Live, error: Exception) -> None:
    """With a traceback where nobody has thought of such an error."""
    unexpected = None if isinstance(error, EngineError | OSError) else error
    log.warning(what, exc_info=unexpected, extra={"container": container.id, "reason": str(error)})
