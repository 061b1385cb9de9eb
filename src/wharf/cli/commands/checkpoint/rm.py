"""`wharf checkpoint rm`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import STRING, Flag
from wharf.client import checkpoints


def run(call: Call) -> int:
    container, name = call.arguments
    checkpoints.remove(call.client, container, name, directory=call.options["checkpoint-dir"])
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER CHECKPOINT",
    "Remove a checkpoint",
    (Flag("checkpoint-dir", "", STRING, "Where it is, instead of the container's own place"),),
    least=2,
    most=2,
)
