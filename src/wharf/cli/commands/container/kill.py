"""`wharf kill`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.several import each
from wharf.cli.flags import STRING, Flag
from wharf.client import containers


def run(call: Call) -> int:
    return each(call, lambda client, name: containers.kill(client, name, call.options["signal"]))


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Send a signal (KILL unless told otherwise) to containers",
    (Flag("signal", "s", STRING, "Signal to send"),),
    least=1,
    most=MANY,
)
