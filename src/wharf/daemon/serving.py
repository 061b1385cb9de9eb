"""The daemon's life: open, serve until told to stop, close in order."""

import asyncio
import gc
import logging
import os
import resource
import signal
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import wharf
from wharf.api.connection import REQUEST_ID
from wharf.api.server import ApiServer
from wharf.daemon import listeners, log_lines, systemd
from wharf.daemon.config import Config
from wharf.daemon.hosts import parse_host
from wharf.daemon.reload import reload
from wharf.daemon.translate import engine_config
from wharf.engine.engine import Engine
from wharf.errors import EngineError
from wharf.linux import allocation, host
from wharf.runtime.monitor import ShimMonitors

log = logging.getLogger("wharf.daemon")

DEFAULT_HOST: Final = "unix:///run/wharf.sock"
GRACE: Final = 5.0  # seconds that requests get to end when the daemon stops
#: Seconds between two times of giving back memory. What a large request took is not needed for the next small ones.
TIDYING: Final = 30.0


def serve(config: Config, arguments: Sequence[str], monitors: ShimMonitors, started: float) -> int:
    """Runs until a signal ends it. `started` is time.monotonic() at the process's start."""
    _allow_open_files()
    log_lines.set_up("debug" if config.debug else config.log_level, config.log_format, REQUEST_ID.get)
    try:
        _run(_Daemon(config, arguments).run(monitors, started))
    except asyncio.CancelledError:
        log.warning("stopped before the daemon was ready")
    except EngineError as error:
        log.critical("wharfd cannot go on: %s", error)
        return 1
    except Exception:
        log.critical("wharfd cannot go on", exc_info=True)
        return 1
    return 0


def _allow_open_files() -> None:
    """As many as we may have: a running container takes about six, and who starts us often allows 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


class _Daemon:
    """One run of the daemon."""

    def __init__(self, config: Config, arguments: Sequence[str]) -> None:
        self._config = config
        self._arguments = arguments
        self._stop = asyncio.Event()
        self._signals = 0
        self._ready = False

    async def run(self, monitors: ShimMonitors, started: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number, task)
        async with AsyncExitStack() as stack:
            # Listening begins before the engine is open: who comes early waits a moment instead of being refused.
            sockets = self._listen(stack)
            engine = await stack.enter_async_context(Engine.opened(engine_config(self._config), monitors))
            server = ApiServer(engine)
            stack.push_async_callback(server.close, GRACE)
            await self._serve(server, sockets)
            loop.add_signal_handler(signal.SIGHUP, self._reload, engine)
            self._ready = True
            # What is there now stays until the end: the collector need not look at it again.
            gc.freeze()
            gc.enable()
            log.info("ready", extra=self._facts(sockets, started))
            systemd.notify("READY=1")
            engine.events.publish("daemon", "start", engine_name(), {"name": engine_name()})
            loop.call_soon(_tidy)
            await self._stop.wait()
            systemd.notify("STOPPING=1")
            if engine.ending.live_restore and await asyncio.to_thread(host.goes_down):
                # Nobody else would stop them in order: systemd ends at last whatever is left, after a long wait.
                engine.ending.live_restore = False
            log.info("stopping", extra={"live-restore": str(engine.ending.live_restore).lower()})
        log.info("stopped")

    def _listen(self, stack: AsyncExitStack) -> list[listeners.Open]:
        encrypted = self._config.tls or self._config.tlsverify
        hosts = [parse_host(text, tls=encrypted) for text in self._config.hosts or (DEFAULT_HOST,)]
        passed = systemd.take_sockets(os.environ, os.getpid())
        opened = listeners.open_all(hosts, self._config.group, passed)
        for listener in opened:
            stack.callback(listener.close)
        return opened

    async def _serve(self, server: ApiServer, sockets: Sequence[listeners.Open]) -> None:
        config, context = self._config, None
        if config.tls or config.tlsverify:
            context = listeners.tls_context(
                ca=config.tlscacert, certificate=config.tlscert, key=config.tlskey, verify=config.tlsverify
            )
        for listener in sockets:
            if listener.over_network and context is None:
                log.warning("the API is served without protection", extra={"host": str(listener.host)})
            await server.serve(listener.socket, context if listener.over_network else None)

    def _facts(self, sockets: Sequence[listeners.Open], started: float) -> dict[str, str]:
        return {
            "version": wharf.__version__,
            "pid": str(os.getpid()),
            "hosts": ",".join(str(listener.host) for listener in sockets),
            "milliseconds": str(round((time.monotonic() - started) * 1000)),
        }

    def _end(self, number: int, task: "asyncio.Task[Any]") -> None:
        """First signal: an orderly end. Second: what is still waited for is cut. Third: at once."""
        self._signals += 1
        log.info("signal received", extra={"signal": signal.Signals(number).name})
        if self._signals == 1 and self._ready:
            self._stop.set()
        elif self._signals <= 2:
            task.cancel()
        else:
            os._exit(1)

    def _reload(self, engine: Engine) -> None:
        systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        self._config = reload(self._config, self._arguments, lambda new: engine.system.reconfigure(engine_config(new)))
        engine.events.publish("daemon", "reload", engine_name(), {"name": engine_name()})
        systemd.notify("READY=1")


def _tidy() -> None:
    allocation.give_back()
    asyncio.get_running_loop().call_later(TIDYING, _tidy)


def engine_name() -> str:
    return os.uname().nodename
