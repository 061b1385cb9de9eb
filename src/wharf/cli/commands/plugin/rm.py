"""`wharf plugin rm`."""

from wharf.cli.command import MANY, Call, Command, each
from wharf.cli.flags import BOOL, Flag
from wharf.client import plugins


def run(call: Call) -> int:
    return each(call, lambda name: plugins.remove(call.client, name, force=call.options["force"]))


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN [PLUGIN...]",
    "Remove plugins",
    (Flag("force", "f", BOOL, "Also those that are enabled"),),
    least=1,
    most=MANY,
)
