"""Monitors by shims: what the contract promises, over the connections to them."""

import asyncio
import errno
import logging
import os
import socket
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from wharf.errors import EngineError
from wharf.linux import cgroups, pidfd
from wharf.linux.listener import Listener, Redirection
from wharf.runtime import records, wire
from wharf.runtime.contract import ExecLaunch, ExitStatus, Launch, UserNamespace
from wharf.runtime.endings import SHIM_DIED, end_of_orphan, exit_status, parse_time, remove_bundle
from wharf.runtime.execution import ShimExec, ShimExecs
from wharf.runtime.failure import explain, explain_logging
from wharf.runtime.log_message import log_message
from wharf.runtime.programs import find_runtime
from wharf.runtime.sealed import SealedPrograms
from wharf.runtime.shim_connection import ShimStream, reach, unconnected
from wharf.runtime.spawner.client import Spawner, close_all
from wharf.spec.id_mapping import table

log = logging.getLogger(__name__)

#: Seconds in which a shim has to say what it runs. One that cannot is stuck, and its container unwatched.
ANSWER_LIMIT: Final = 10.0
#: Seconds between two tries to end a container whose shim died.
_BURIAL_PAUSE: Final = 5.0
#: How long a shim, or its disk, may take to clear a log.
_CLEAR_LIMIT: Final = 30.0


class _Unheard(EngineError):
    """The shim has gone without a word."""


class ShimMonitor:
    """A Monitor. Lives on the event loop that made it."""

    def __init__(
        self, id: str, bundle: Path, connection: socket.socket, runtime: str, mounts: tuple[int, ...] = ()
    ) -> None:
        loop = asyncio.get_running_loop()
        self.id = id
        self.bundle = bundle
        self.shim_pid = 0
        self.pid = 0
        self.started: datetime | None = None
        self.cgroup = ""
        self.network: int | None = None
        self.hide_unified = False
        self._runtime = runtime
        self._mounts = mounts
        self._loop = loop
        self._connection = connection
        self._reader = wire.Reader(connection)
        self._execs = ShimExecs(bundle, connection)
        self._shim_fd = -1
        self._init_fd = -1
        self._ready = self._awaited()
        self._running = self._awaited()
        self._ended: asyncio.Future[ExitStatus] = loop.create_future()
        self._failure: EngineError | None = None
        # By the answer's event, in order: the reason of a failure, or "". Also whom nobody waits for any more.
        self._asked: defaultdict[str, deque[asyncio.Future[str]]] = defaultdict(deque)
        self._unheard = False  # it is another daemon's shim, and has not said anything to us yet
        self._search: asyncio.Task[None] | None = None
        self._burial: asyncio.Task[None] | None = None

    def _awaited(self) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(lambda done: done.exception())  # somebody may have stopped waiting
        return future

    def listen(self) -> None:
        """From now on the shim is heard."""
        self._loop.add_reader(self._connection.fileno(), self._receive)

    def _receive(self) -> None:
        for message in self._reader.receive():
            if self._reader.lost:
                self._lack()
            else:
                self._understand(message)
        if self._reader.at_end:
            self._forget_connection()
            self._shim_left()

    def _lack(self) -> None:
        """What came with a message is lost: it is as good as none. A shim that runs can be asked again."""
        self._forget_connection()
        close_all(self._reader.fds)
        self._reader.fds = []
        for future in (self._ready, self._running):
            if not future.done():
                future.set_exception(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))

    def _understand(self, message: dict[str, Any]) -> None:
        fds, self._reader.fds = self._reader.fds, []
        match message["event"]:
            case "ready":
                self.shim_pid = message["pid"]
                self._shim_fd = fds.pop(0)
                self.network = fds.pop(0) if fds else None
                _resolve(self._ready)
            case "started":
                self.pid = message["pid"]
                self.started = parse_time(message["started"])
                self.cgroup = message["cgroup"]
                self.hide_unified = message["hide_unified"]
                self._init_fd = fds.pop(0)
                _resolve(self._running)
            case "failed":
                if not self._ready.done():
                    self._ready.set_exception(EngineError(message["error"]))
                else:
                    # Told when the shim has gone too, so that nothing is left then.
                    if message["what"] == "log":
                        self._failure = explain_logging(message["error"])
                    else:
                        self._failure = explain(self._runtime, message["error"], _command(self.bundle))
            case "waiting":
                if not self._running.done():
                    self._running.set_exception(EngineError("the container was never started"))
            case "exit":
                if not self._ended.done():
                    self._ended.set_result(exit_status(message))
                _resolve(self._running)
            case "log_cleared" | "held" | "redirected" as answer:
                if self._asked[answer]:
                    self._asked[answer].popleft().set_result(message.get("error", ""))
            case "exec_started" | "exec_failed" | "exec_exit":
                self._execs.understand(message)
        close_all(fds)

    def _shim_left(self) -> None:
        self._execs.close()
        if not self._ready.done():
            self._ready.set_exception(_Unheard(SHIM_DIED))
        if not self._running.done():
            self._running.set_exception(self._failure or EngineError(SHIM_DIED))
        if not self._ended.done() and self.pid and self._burial is None:
            self._burial = asyncio.create_task(self._bury(), name=f"bury container {self.id[:12]}")

    async def _bury(self) -> None:
        """The shim has gone without a word: no container runs unwatched."""
        while True:
            try:
                status = await asyncio.to_thread(end_of_orphan, self.bundle)
                break
            except OSError as error:  # such as too many open files
                log.warning(
                    "a container whose shim died is not ended yet", extra={"container": self.id, "reason": error}
                )
                await asyncio.sleep(_BURIAL_PAUSE)
        if not self._ended.done():
            self._ended.set_result(status or ExitStatus(137, datetime.now(UTC), error=SHIM_DIED))

    async def ready(self) -> None:
        """Waits until the shim has set up itself. Raises EngineError with the reason when it could not."""
        await asyncio.shield(self._ready)

    def know(self, started: dict[str, Any]) -> None:
        """What the shim has told an earlier daemon."""
        self.pid = started["pid"]
        self.started = parse_time(started["started"])
        self.cgroup = started["cgroup"]
        self._unheard = True

    async def found(self) -> None:
        if self._unheard and self._search is None:
            self._search = asyncio.create_task(self._find(), name=f"find container {self.id[:12]}")
        if self._search is not None:
            await asyncio.shield(self._search)

    async def _find(self) -> None:
        try:
            answers = await self.answers()
        except OSError:
            self._search = None  # such as too many open files: the next to ask tries again
            raise
        if not answers:
            self._forget_connection()
            self._shim_left()

    async def answers(self) -> bool:
        """Whether the shim of an earlier daemon says what it runs. Raises OSError where it can be asked again."""
        if self._connection.fileno() < 0:  # it has said it in vain
            self._connection = unconnected()
            self._reader = wire.Reader(self._connection)
            self._execs = ShimExecs(self.bundle, self._connection)
            self._asked.clear()
            self._running = self._awaited()
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                if await reach(self._connection, self.bundle):
                    self.listen()
                    self._tell({"op": "monitor"})
                    await asyncio.shield(self._running)
                    return not self._ended.done()
        except TimeoutError:
            log.warning("a shim does not answer, so its container is ended", extra={"container": self.id})
        except EngineError:
            pass  # it ended between two looks; what it recorded decides
        return False

    async def attach(self, *, stdin: bool, stdout: bool, stderr: bool) -> ShimStream:
        request = {"op": "attach", "stdin": stdin, "stdout": stdout, "stderr": stderr}
        return await ShimStream.open(self.bundle, request)

    async def run(self, listeners: Sequence[Listener] = ()) -> None:
        described, sockets = _described(listeners)
        try:
            self._tell({"op": "run", "mounts": len(self._mounts), "listeners": described}, (*self._mounts, *sockets))
            await asyncio.shield(self._running)
        finally:
            if self.network is not None:
                os.close(self.network)
                self.network = None

    def _tell(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        if self._connection.fileno() < 0:
            raise EngineError(SHIM_DIED)
        try:
            wire.send(self._connection, message, fds)
        except OSError as error:
            raise EngineError(f"the container's shim does not answer: {error}") from None

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self._ended)

    @property
    def is_ending(self) -> bool:
        if self._ended.done():
            return True
        try:
            # Looked at before the descriptor: a number that is another's by then is one of a process that has ended.
            begun = pidfd.is_ending(self.pid)
        except OSError:
            begun = False  # such as too many open files: the descriptor tells the end itself
        return begun or (self._init_fd >= 0 and pidfd.has_ended(self._init_fd))

    async def execute(self, launch: ExecLaunch) -> ShimExec:
        await self.found()
        return await self._execs.start(launch)

    async def signal(self, number: int) -> None:
        await self.found()
        if self._init_fd >= 0:
            pidfd.send(self._init_fd, number)

    async def resize(self, height: int, width: int) -> None:
        await self.found()
        if not self._ended.done():
            self._tell({"op": "resize", "height": height, "width": width})

    async def hold(self, listeners: Sequence[Listener]) -> None:
        described, sockets = _described(listeners)
        if reason := await self._ask({"op": "hold", "listeners": described}, "held", ANSWER_LIMIT, sockets):
            raise EngineError(f"cannot forward ports: {reason}")

    async def redirect(self, redirections: Sequence[Redirection]) -> None:
        told = [
            {"socket": (one.protocol, one.address, one.port), "target": one.target, "network": one.network}
            for one in redirections
        ]
        await self._ask({"op": "redirect", "listeners": told}, "redirected", ANSWER_LIMIT)

    async def clear_log(self) -> bool:
        if reason := await self._ask({"op": "clear_log"}, "log_cleared", _CLEAR_LIMIT):
            raise EngineError(f"cannot clear the container's log: {reason}")
        return reason is not None

    async def _ask(self, message: dict[str, Any], event: str, limit: float, fds: tuple[int, ...] = ()) -> str | None:
        """The failure that the shim answers by this event, "" for none; None when the run is over.

        Raises EngineError when it does not answer within `limit` seconds.
        """
        await self.found()
        if self._ended.done() or self._connection.fileno() < 0:
            return None
        self._tell(message, fds)
        asked: asyncio.Future[str] = self._loop.create_future()
        self._asked[event].append(asked)
        awaited: set[asyncio.Future[Any]] = {asked, self._ended}
        await asyncio.wait(awaited, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        if self._ended.done():
            return None
        raise EngineError(f"the container's shim did not answer in time: {message['op']}")

    async def pause(self) -> None:
        await self._freeze(True)

    async def resume(self) -> None:
        await self._freeze(False)

    async def _freeze(self, frozen: bool) -> None:
        try:
            await asyncio.to_thread(cgroups.freeze, self.cgroup, frozen)
        except FileNotFoundError:
            # Killed while it was paused: systemd removed its group at once, and there is none to resume.
            if frozen:
                raise EngineError("cannot pause the container: its control group has gone") from None
        except OSError as error:
            raise EngineError(f"cannot {'pause' if frozen else 'resume'} the container: {error}") from None

    async def processes(self) -> list[int]:
        return cgroups.processes(self.cgroup)

    def _forget_connection(self) -> None:
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection.fileno())
            self._connection.close()

    def close(self) -> None:
        self._forget_connection()
        self._execs.close()
        close_all([fd for fd in (self._shim_fd, self._init_fd, self.network) if fd is not None and fd >= 0])
        close_all(self._reader.fds)
        self._shim_fd = self._init_fd = -1
        self.network = None
        self._reader.fds = []
        for task in (self._search, self._burial):
            if task is not None:
                task.cancel()


def _command(bundle: Path) -> str:
    """What the container of `bundle` runs, for errors; "" when nobody knows any more."""
    try:
        return str(msgspec.json.decode((bundle / records.CONFIG).read_bytes())["process"]["args"][0])
    except (OSError, msgspec.DecodeError, LookupError):
        return ""


def _described(listeners: Sequence[Listener]) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    """For the shim: what it does at each of them, and their descriptors."""
    told = [{"protocol": one.protocol, "target": one.target, "network": one.network} for one in listeners]
    return told, tuple(one.socket.fileno() for one in listeners)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class ShimMonitors:
    """Monitors. The spawner is started with it, beside all else that the daemon has to do at its start."""

    def __init__(self) -> None:
        self._spawner = Spawner()
        self._sealed = SealedPrograms()
        self._hide_unified = False

    async def create(self, launch: Launch) -> ShimMonitor:
        runtime = find_runtime(launch.runtime)
        (launch.bundle / records.ROOTFS).mkdir(mode=0o711, exist_ok=True)
        message = _message(launch, runtime, hide_unified=self._hide_unified)
        try:
            monitor = await self._created(launch, runtime, message)
        except _Unheard:
            # Such as with a spawner that was killed before a shim took the launch: nothing has begun.
            monitor = await self._created(launch, runtime, message)
        monitor._running.add_done_callback(lambda _: self._learn(monitor))
        return monitor

    async def _created(self, launch: Launch, runtime: str, message: dict[str, Any]) -> ShimMonitor:
        program = self._sealed.descriptor(runtime)
        try:
            connection = await self._spawner.spawn(message, program)
        finally:
            if program is not None:
                os.close(program)
        monitor = ShimMonitor(launch.id, launch.bundle, connection, runtime, launch.mounts)
        monitor.listen()
        try:
            await monitor.ready()
        except BaseException:
            monitor.close()
            raise
        return monitor

    def _learn(self, monitor: ShimMonitor) -> None:
        self._hide_unified = self._hide_unified or monitor.hide_unified

    async def reopen(self, id: str, bundle: Path) -> ShimMonitor | ExitStatus | None:
        if record := records.read(bundle, records.EXIT):
            return exit_status(record)
        shim, started = records.read(bundle, records.SHIM), records.read(bundle, records.STARTED)
        if shim is None:
            return None
        if is_alive(shim):
            monitor = ShimMonitor(id, bundle, unconnected(), shim["runtime"])
            monitor.shim_pid = shim["pid"]
            if started is not None:
                monitor.know(started)
                return monitor
            # It has just been asked to start its container, or never was: that only it knows.
            try:
                answered = await monitor.answers()
            except BaseException:
                monitor.close()
                raise
            if answered:
                return monitor
            monitor.close()
            if monitor._ended.done():
                return monitor._ended.result()  # which it has just told; it may stay until clients have read all
        return await asyncio.to_thread(end_of_orphan, bundle)

    async def remove(self, bundle: Path) -> None:
        await asyncio.to_thread(remove_bundle, bundle)

    async def close(self) -> None:
        await asyncio.to_thread(self._spawner.close)
        self._sealed.close()


def is_alive(shim: dict[str, Any]) -> bool:
    """Whether the process of a shim's record runs."""
    fd = pidfd.open_same(shim["pid"], shim["start_time"])
    if fd is None:
        return False
    try:
        return not pidfd.has_ended(fd)  # as has one that waits for its parent to look
    finally:
        os.close(fd)


def _message(launch: Launch, runtime: str, *, hide_unified: bool) -> dict[str, Any]:
    """The launch as the shim reads it."""
    return {
        "id": launch.id,
        "bundle": str(launch.bundle),
        "root": {
            "fstype": launch.root.fstype,
            "source": launch.root.source,
            "data": launch.root.data,
            "directory": str(launch.root.directory),
        },
        "runtime": runtime,
        "log": log_message(launch.log),
        "tty": launch.tty,
        "stdin": launch.stdin,
        "stdin_once": launch.stdin_once,
        "console_size": launch.console_size,
        "new_network": launch.new_network,
        "network_sysctls": dict(launch.network_sysctls),
        "joined_shm": launch.joined_shm,
        "user": launch.user and _user_message(launch.user),
        "owner": launch.user and launch.user.mapping.root,
        "cgroups_path": launch.cgroups_path,
        "cgroup": cgroups.path_of(launch.cgroups_path),
        "hide_unified": hide_unified,
        "forget": launch.forget,
    }


def _user_message(user: UserNamespace) -> dict[str, Any]:
    return {
        "uids": table(user.mapping.uids),
        "gids": table(user.mapping.gids),
        "join": user.join,
        "mapped": user.mapped,
    }
