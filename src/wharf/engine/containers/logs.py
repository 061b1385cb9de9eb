"""What containers have written: reading it, and ★ clearing it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wharf.apitypes import stdcopy
from wharf.engine.containers.attaching import AttachOptions
from wharf.engine.containers.record import Container
from wharf.engine.containers.running import Lives
from wharf.engine.containers.starting import Places
from wharf.engine.containers.store import ContainerStore
from wharf.engine.logs import drivers
from wharf.errors import NotImplementedByUs
from wharf.logs.entries import LogEntry, LogQuery
from wharf.logs.files import remove_all
from wharf.logs.formats import CHUNKS, JSON_LINES, Format
from wharf.logs.reading import read_logs
from wharf.runtime.contract import LogFile

_FORMATS: Final[Mapping[str, Format]] = {"json": JSON_LINES, "chunks": CHUNKS}


@dataclass(frozen=True, slots=True)
class LogStream:
    """A container's log. `entries` is read to its end or closed."""

    tty: bool
    entries: AsyncIterator[list[LogEntry]]


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs of all containers, as far as this host keeps them."""

    places: Places
    store: ContainerStore
    lives: Lives

    def path(self, container: Container) -> str:
        """The file that inspect tells of: the json-file driver's; "" for the others, as with dockerd."""
        return str(self.file(container).path) if container.host.log_config.type == "json-file" else ""

    def file(self, container: Container) -> LogFile:
        """Where the log is kept. Raises NotImplementedByUs, as dockerd, when it is not."""
        found = drivers.readable(container.host.log_config, self.places.directory(container.id), container.id)
        if found is None:
            raise NotImplementedByUs("configured logging driver does not support reading")
        return found

    async def read(self, ref: str, query: LogQuery) -> LogStream:
        """What a container wrote; with `follow` also what it will write until it ends."""
        container = self.store.find(ref)
        file = self.file(container)
        entries = read_logs(file.path, query, self.lives.of(container).ended, _FORMATS[file.format])
        return LogStream(container.config.tty, entries)

    async def replay(self, container: Container, options: AttachOptions, until: datetime) -> AsyncIterator[bytes]:
        """What a container wrote up to `until`, as an attached client gets it."""
        query = LogQuery(stdout=options.stdout, stderr=options.stderr, until=until)
        tty = container.config.tty
        async for entries in (await self.read(container.id, query)).entries:
            if entries:
                yield b"".join(entry.line if tty else stdcopy.frame(entry.stream, entry.line) for entry in entries)

    async def clear(self, ref: str) -> None:
        """★ Forgets what a container wrote until now. Who follows the log goes on with what comes."""
        container = self.store.find(ref)
        path = self.file(container).path
        live = self.lives.of(container)
        async with live.lock:
            # While it runs the files are its shim's, which may be about to rotate them.
            if live.monitor is None or not await live.monitor.clear_log():
                remove_all(path)
        self.lives.publish("clear_logs", container)
