"""`wharf pause`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.several import each
from wharf.client import containers


def run(call: Call) -> int:
    return each(call, containers.pause)


COMMAND = Command(run, "CONTAINER [CONTAINER...]", "Freeze all processes of containers", least=1, most=MANY)
