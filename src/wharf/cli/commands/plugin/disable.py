"""`wharf plugin disable`."""

from wharf.cli.command import Call, Command, each
from wharf.cli.flags import BOOL, Flag
from wharf.client import plugins


def run(call: Call) -> int:
    return each(call, lambda name: plugins.disable(call.client, name, force=call.options["force"]))


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN",
    "Stop a plugin until it is enabled again",
    (Flag("force", "f", BOOL, "Also one that is in use"),),
    least=1,
    most=1,
)
