"""`wharf plugin set`."""

from wharf.cli.command import MANY, Call, Command
from wharf.client import plugins


def run(call: Call) -> int:
    name, *settings = call.arguments
    plugins.set(call.client, name, settings)
    return 0


COMMAND = Command(run, "PLUGIN KEY=VALUE [KEY=VALUE...]", "Change settings of a plugin", least=2, most=MANY)
