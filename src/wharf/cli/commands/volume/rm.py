"""`wharf volume rm`."""

from wharf.cli.command import MANY, Call, Command, each
from wharf.cli.flags import BOOL, Flag
from wharf.client import volumes


def run(call: Call) -> int:
    return each(call, lambda name: volumes.remove(call.client, name, force=call.options["force"]))


COMMAND = Command(
    run,
    "[OPTIONS] VOLUME [VOLUME...]",
    "Remove volumes that no container uses, with all that is in them",
    (Flag("force", "f", BOOL, "Do not mind what is not there"),),
    least=1,
    most=MANY,
)
