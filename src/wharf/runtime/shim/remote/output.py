"""A container's output on its way to a receiver, and to the file from which `docker logs` reads it."""

import _socket
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from wharf.runtime.shim.logfile import Log
from wharf.runtime.shim.loop import Loop
from wharf.runtime.shim.remote.messages import Encoder, Splitter
from wharf.runtime.shim.remote.sending import Sender


def open_encoder(where: Mapping[str, Any]) -> Encoder:
    """The driver's encoder; only its module is loaded."""
    settings = where["settings"]
    match where["driver"]:
        case "syslog":
            from wharf.runtime.shim.remote.syslog import SyslogEncoder

            return SyslogEncoder(settings, os.getpid())
        case "journald":
            from wharf.runtime.shim.remote.journald import JournalEncoder

            return JournalEncoder(settings, _new_id())
        case "gelf":
            from wharf.runtime.shim.remote.gelf import GelfEncoder

            return GelfEncoder(settings)
        case _:
            from wharf.runtime.shim.remote.fluentd import FluentdEncoder

            return FluentdEncoder(settings)


class RemoteOutput:
    """See logs.Output. `cache` is the file, if there is one; it gets all, whatever becomes of the receiver."""

    def __init__(
        self,
        cache: Log | None,
        where: Mapping[str, Any],
        connection: _socket.socket | None,
        loop: Loop,
        when_room: Callable[[], None],
    ) -> None:
        self._cache = cache
        self._sender = Sender(loop, open_encoder(where), where, when_room)
        self._splitters = {stream: Splitter(stream, _new_id) for stream in (1, 2)}
        if connection is not None:
            self._sender.use(connection)

    @property
    def is_full(self) -> bool:
        return self._sender.is_full

    @property
    def is_idle(self) -> bool:
        return self._sender.is_idle

    @property
    def lost(self) -> int:
        return self._sender.lost + (self._cache.lost if self._cache is not None else 0)

    def write(self, stream: int, data: bytes) -> None:
        if self._cache is not None:
            self._cache.write(stream, data)
        for message in self._splitters[stream].feed(data, time.time_ns()):
            self._sender.put(message)
        self._sender.flush()

    def clear(self) -> None:
        if self._cache is not None:
            self._cache.clear()

    def finish(self) -> None:
        if self._cache is not None:
            self._cache.finish()
        for splitter in self._splitters.values():
            for message in splitter.finish(time.time_ns()):
                self._sender.put(message)
        self._sender.flush()


def _new_id() -> str:
    return os.urandom(32).hex()
