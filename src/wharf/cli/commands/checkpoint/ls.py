"""`wharf checkpoint ls`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.listing import Listing
from wharf.client import checkpoints

CHECKPOINTS = Listing(
    "*formatter.checkpointContext", {"Name": ("CHECKPOINT NAME", lambda row: row["Name"])}, ("Name",), {}
)


def run(call: Call) -> int:
    rows = checkpoints.list_all(call.client, call.arguments[0], directory=call.options["checkpoint-dir"])
    out(CHECKPOINTS.show(rows, ""))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER",
    "List the checkpoints of a container",
    (Flag("checkpoint-dir", "", STRING, "Where they are, instead of the container's own place"),),
    least=1,
    most=1,
)
