"""`wharf checkpoint create`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.client import checkpoints


def run(call: Call) -> int:
    container, name = call.arguments
    options = call.options
    checkpoints.create(
        call.client, container, name, directory=options["checkpoint-dir"], leave_running=options["leave-running"]
    )
    out(f"{name}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER CHECKPOINT",
    "Save the processes of a running container",
    (
        Flag("checkpoint-dir", "", STRING, "Where to keep it, instead of the container's own place"),
        Flag("leave-running", "", BOOL, "Let the container go on"),
    ),
    least=2,
    most=2,
)
