"""`wharf volume clone`."""

from wharf.cli.command import Call, Command
from wharf.cli.output import out
from wharf.client import volumes


def run(call: Call) -> int:
    old, new = call.arguments
    out(f"{volumes.clone(call.client, old, new)['Name']}\n")
    return 0


COMMAND = Command(run, "VOLUME NEW_VOLUME", "Make a volume with all that is in another one", least=2, most=2)
