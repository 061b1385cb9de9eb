"""`wharf restart`."""

from wharf.cli.command import MANY, Call, Command, each
from wharf.cli.flags import INT, STRING, Flag
from wharf.client import containers


def run(call: Call) -> int:
    options = call.options
    timeout = options["timeout"] if "timeout" in options.given else None
    timeout = options["time"] if "time" in options.given else timeout
    return each(call, lambda name: containers.restart(call.client, name, timeout=timeout, signal=options["signal"]))


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Stop and start containers",
    (
        Flag("signal", "s", STRING, "Signal that asks it to stop"),
        Flag("time", "", INT, "The old name of --timeout"),
        Flag("timeout", "t", INT, "Seconds to wait before it is killed"),
    ),
    least=1,
    most=MANY,
)
