"""`wharf rename`."""

from wharf.cli.command import Call, Command
from wharf.client import containers
from wharf.errors import InvalidArgument


def run(call: Call) -> int:
    old, new = (name.strip() for name in call.arguments)
    if not old or not new:
        raise InvalidArgument("Error: Neither old nor new names may be empty")
    containers.rename(call.client, old, new)
    return 0


COMMAND = Command(run, "CONTAINER NEW_NAME", "Give a container another name", least=2, most=2)
