"""`wharf pause`."""

from wharf.cli.command import MANY, Call, Command, each
from wharf.client import containers


def run(call: Call) -> int:
    return each(call, lambda name: containers.pause(call.client, name))


COMMAND = Command(run, "CONTAINER [CONTAINER...]", "Freeze all processes of containers", least=1, most=MANY)
