"""The operations on execs that faces call."""

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from wharf.apitypes.execs import ExecConfig, ExecCreated, ExecInspect
from wharf.engine.containers import bundling
from wharf.engine.containers.live import Live
from wharf.engine.containers.record import Container, Status
from wharf.engine.containers.running import Lives
from wharf.engine.containers.terminal import console_size
from wharf.engine.exec import record
from wharf.engine.exec.attaching import ExecAttachment, StartOptions, told
from wharf.engine.exec.record import Exec
from wharf.engine.tasks import Tasks
from wharf.errors import Conflict, EngineError, InvalidArgument, NotFound
from wharf.runtime.contract import ExecLaunch, ExecProcess, Monitor
from wharf.runtime.exec_bundle import ExecSpec, home_of, process_json
from wharf.runtime.failure import RuntimeFailed
from wharf.runtime.records import CONFIG
from wharf.runtime.users import User

_NO_COMMAND: Final = "No exec command specified"
#: How long the exit code of an ended exec can be asked for; dockerd forgets it about as late.
REMEMBERED: Final = timedelta(minutes=5)
#: How long a resize waits for an exec that is about to be started.
_START_PATIENCE: Final = 10.0
#: What an exec's client sees when it could not be started for another reason than its command.
_CANNOT_START: Final = 126


@dataclass(frozen=True, slots=True)
class Running:
    """An exec that the engine itself has started, and all that it writes. The attachment is to be closed."""

    exec: Exec
    process: ExecProcess
    attachment: ExecAttachment


@dataclass(slots=True, weakref_slot=True)
class Execs:
    """All execs of this engine. Each belongs to its container's live part and goes with it."""

    lives: Lives
    _by_id: "WeakValueDictionary[str, Exec]" = field(default_factory=WeakValueDictionary)
    _tasks: Tasks = field(default_factory=lambda: Tasks("an exec's task failed", expected=(EngineError,)))

    async def create(self, ref: str, config: ExecConfig, detach_keys: bytes = b"") -> ExecCreated:
        """Prepares an exec in a running container."""
        if not config.cmd:
            raise InvalidArgument(_NO_COMMAND)
        container = self.lives.store.find(ref)
        _require_running(container, ref)
        console_size(config.console_size)
        user = None
        if config.user and config.user != container.config.user:
            user = await self.lives.starter.host.user(container, config.user)
            _require_running(container := self.lives.current(container.id), ref)
        return ExecCreated(id=self._add(container, config, user, detach_keys).id)

    def _add(
        self, container: Container, config: ExecConfig, user: User | None = None, detach_keys: bytes = b""
    ) -> Exec:
        config = msgspec.structs.replace(config, user=config.user or container.config.user)
        one = Exec(secrets.token_hex(32), container.id, config, user, detach_keys)
        self.lives.of(container).execs[one.id] = one
        self._by_id[one.id] = one
        self.lives.publish(f"exec_create: {one.command_line}", container, execID=one.id)
        return one

    async def begin(self, container: Container, config: ExecConfig) -> Running:
        """Creates an exec and starts it, for the engine itself; the caller forgets it. Raises EngineError."""
        if not config.cmd:
            raise InvalidArgument(_NO_COMMAND)
        one = self._add(container, config)
        one.running = True
        try:
            process = await self._run(one, container, StartOptions(tty=True))
        except BaseException:
            self.forget(one)
            raise
        return Running(one, process, ExecAttachment(one, process.stream, tty=True))

    def forget(self, one: Exec) -> None:
        """Nobody will ask for it."""
        if (live := self.lives.live.get(one.container_id)) is not None:
            live.execs.pop(one.id, None)

    async def start(self, id: str, options: StartOptions) -> ExecAttachment | None:
        """Starts an exec that was created; its streams, or None with `detach`.

        With streams, what prevents the process from running is told in them, as if the process had.
        """
        one, container = self._find(id)
        _require_running(container, container.id)
        if one.exit_code is not None:
            raise Conflict(f"exec command {id} has already run")
        if one.running:
            raise Conflict(f"exec command {id} is already running")
        if options.console_size != (0, 0) and not one.config.tty:
            raise InvalidArgument("console size is only supported with a terminal")
        one.running = True
        # In a task of its own: who starts a process and leaves has started it all the same.
        starting = self._tasks.begin(self._run(one, container, options), f"start exec {id[:12]}")
        try:
            process = await asyncio.shield(starting)
        except EngineError as error:
            if options.detach:
                raise
            return told(one, error, tty=options.tty)
        if options.detach:
            return None
        return ExecAttachment(
            one,
            process.stream,
            tty=options.tty,
            on_detach=lambda: self.lives.publish("exec_detach", container, execID=one.id),
        )

    async def _run(self, one: Exec, container: Container, options: StartOptions) -> ExecProcess:
        """Starts the process and sees to its end."""
        self.lives.publish(f"exec_start: {one.command_line}", container, execID=one.id)
        live = self.lives.of(container)
        try:
            if live.monitor is None:
                raise Conflict(f"container {container.id} is not running")
            process = await self._execute(one, container, live.monitor, options)
        except BaseException as error:
            self._forget_later(one, live, error.exit_code if isinstance(error, RuntimeFailed) else _CANNOT_START)
            raise
        one.process = process
        one.started.set()
        self._tasks.begin(self._watch(one, process, live), f"watch exec {one.id[:12]}")
        return process

    async def _execute(self, one: Exec, container: Container, monitor: Monitor, options: StartOptions) -> ExecProcess:
        try:
            return await monitor.execute(self._launch(one, container, options))
        except OSError as error:
            raise EngineError(f"cannot start the process: {error.strerror}") from error

    def _launch(self, one: Exec, container: Container, options: StartOptions) -> ExecLaunch:
        config = one.config
        size = options.console_size if options.console_size != (0, 0) else console_size(config.console_size)
        attached = not options.detach
        return ExecLaunch(
            id=one.id,
            process=self._process(one, container, size),
            command=config.cmd[0],
            tty=config.tty,
            framed=not options.tty,
            stdin=config.attach_stdin and attached,
            stdout=config.attach_stdout and attached,
            stderr=config.attach_stderr and attached,
            console_size=size,
        )

    def _process(self, one: Exec, container: Container, size: tuple[int, int]) -> bytes:
        starter, config, user = self.lives.starter, one.config, one.user
        own = (starter.places.bundle(container.id) / CONFIG).read_bytes()
        merged = container.with_(
            config=msgspec.structs.replace(container.config, tty=config.tty, env=[*container.config.env, *config.env])
        )
        spec = ExecSpec(
            args=tuple(config.cmd),
            env=bundling.environment(
                merged, user.home if user is not None else home_of(own), starter.link_variables(container)
            ),
            cwd=_directory(config.working_dir or container.config.working_dir or "/"),
            user=user,
            capabilities=tuple(sorted(starter.host.facts.capabilities)) if config.privileged else None,
            tty=config.tty,
            console_size=size,
        )
        return process_json(own, spec)

    async def _watch(self, one: Exec, process: ExecProcess, live: Live) -> None:
        code = await process.wait()
        self._forget_later(one, live, code)
        if (container := self.lives.store.get(one.container_id)) is not None:
            self.lives.publish("exec_die", container, execID=one.id, exitCode=str(code))

    def _forget_later(self, one: Exec, live: Live, code: int) -> None:
        one.has_ended(code)
        asyncio.get_running_loop().call_later(REMEMBERED.total_seconds(), live.execs.pop, one.id, None)

    async def inspect(self, id: str) -> ExecInspect:
        return record.inspect(self._find(id)[0])

    async def resize(self, id: str, height: int, width: int) -> None:
        """Sets the size of an exec's terminal; waits for its start, since clients do both at once."""
        one, _ = self._find(id)
        try:
            await asyncio.wait_for(one.started.wait(), _START_PATIENCE)
        except TimeoutError:
            raise EngineError("timeout waiting for exec session ready") from None
        if one.process is None or not one.running:
            raise NotFound("no such exec")
        await one.process.resize(height, width)

    def _find(self, id: str) -> tuple[Exec, Container]:
        one = self._by_id.get(id)
        container = self.lives.store.get(one.container_id) if one is not None else None
        # What is forgotten may still be in the index, which only remembers where to look.
        if one is None or container is None or id not in self.lives.of(container).execs:
            raise NotFound(f"No such exec instance: {id}")
        return one, container

    async def close(self) -> None:
        """Leaves the processes alone and ends all that watches them."""
        await self._tasks.close()


def _directory(path: str) -> str:
    if not path.startswith("/"):
        raise RuntimeFailed("OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown")
    return path


def _require_running(container: Container, ref: str) -> None:
    """Raises Conflict, in dockerd's words, unless an exec may be started in it."""
    container.require_alive()
    if container.status is Status.PAUSED:
        raise Conflict(f"Container {ref} is paused, unpause the container before exec")
