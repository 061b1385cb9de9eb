"""`wharf unpause`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.several import each
from wharf.client import containers


def run(call: Call) -> int:
    return each(call, containers.unpause)


COMMAND = Command(run, "CONTAINER [CONTAINER...]", "Let frozen containers go on", least=1, most=MANY)
