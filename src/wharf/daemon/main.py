"""`wharfd`: from the command line to a running engine, and to its orderly end."""

import gc
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import wharf
from wharf.daemon.config import Config, load
from wharf.errors import EngineError

STARTED: Final = time.monotonic()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 after an orderly end, 1 when the daemon could not start or serve."""
    # Nothing that is made while starting is garbage; looking for it would cost a tenth of the time to be ready.
    gc.disable()
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        config = load(given)
        if config.help or config.version or config.validate:
            _answer(config)
            return 0
        return _run(config, given)
    except EngineError as error:
        print(f"wharfd: {error}", file=sys.stderr)
        return 1


def _answer(config: Config) -> None:
    """The flags that only print something."""
    if config.help:
        from wharf.daemon.flags import usage

        print(usage(), end="")
    elif config.version:
        print(f"Wharf version {wharf.__version__}")
    else:
        print("configuration OK")


def _run(config: Config, arguments: Sequence[str]) -> int:
    from wharf.daemon.lock import held
    from wharf.linux import allocation

    if os.geteuid() != 0:
        raise EngineError("wharfd needs to be started with root privileges")
    # Files of the engine are for root; what others may read is opened up where it is made.
    os.umask(0o022)
    allocation.use_one_arena()
    with held(Path(config.data_root).absolute(), Path(config.exec_root).absolute(), Path(config.pidfile).absolute()):
        # The spawner is a process of its own: it starts while this one goes on importing.
        from wharf.runtime.monitor import ShimMonitors

        monitors = ShimMonitors()
        from wharf.daemon.serving import serve

        return serve(config, arguments, monitors, STARTED)


if __name__ == "__main__":
    sys.exit(main())
