"""One exec, as long as somebody may ask for it."""

import asyncio
from dataclasses import dataclass, field

import msgspec

from wharf.apitypes.execs import ExecConfig, ExecInspect, ExecProcessConfig
from wharf.runtime.contract import ExecProcess
from wharf.runtime.users import User


@dataclass(slots=True, eq=False, weakref_slot=True)
class Exec:
    id: str
    container_id: str
    config: ExecConfig
    user: User | None = None  # None: the container's own
    detach_keys: bytes = b""  # empty: the default ones
    running: bool = False
    exit_code: int | None = None
    process: ExecProcess | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)  # its process runs, or never will
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def has_ended(self, code: int) -> None:
        """Its process has ended, or could not be started; `code` is what clients see."""
        self.running = False
        self.exit_code = code
        self.started.set()
        self.ended.set()

    @property
    def command_line(self) -> str:
        """As events have it: dockerd leaves the blank before arguments that are not there."""
        return f"{self.config.cmd[0]} {' '.join(self.config.cmd[1:])}"


def inspect(one: Exec) -> ExecInspect:
    """GET /exec/{id}/json."""
    config = one.config
    process = ExecProcessConfig(
        tty=config.tty,
        entrypoint=config.cmd[0],
        arguments=config.cmd[1:],
        privileged=config.privileged,
        user=config.user or msgspec.UNSET,
    )
    return ExecInspect(
        id=one.id,
        running=one.running,
        exit_code=one.exit_code,
        process_config=process,
        open_stdin=config.attach_stdin,
        open_stderr=config.attach_stderr,
        open_stdout=config.attach_stdout,
        container_id=one.container_id,
        detach_keys=one.detach_keys,
        pid=one.process.pid if one.process is not None else 0,
    )
