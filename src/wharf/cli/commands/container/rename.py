"""`wharf rename`."""

from wharf.cli.command import Call, Command
from wharf.cli.errors import Exit
from wharf.client import containers
from wharf.client.errors import Refused
from wharf.errors import InvalidArgument


def run(call: Call) -> int:
    old, new = (name.strip() for name in call.arguments)
    if not old or not new:
        raise InvalidArgument("Error: Neither old nor new names may be empty")
    try:
        containers.rename(call.client, old, new)
    except Refused as error:
        raise Exit(1, f"{error}\nError: failed to rename container named {old}") from None
    return 0


COMMAND = Command(run, "CONTAINER NEW_NAME", "Give a container another name", least=2, most=2)
