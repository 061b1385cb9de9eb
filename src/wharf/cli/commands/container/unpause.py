"""`wharf unpause`."""

from wharf.cli.command import MANY, Call, Command, each
from wharf.client import containers


def run(call: Call) -> int:
    return each(call, lambda name: containers.unpause(call.client, name))


COMMAND = Command(run, "CONTAINER [CONTAINER...]", "Let frozen containers go on", least=1, most=MANY)
