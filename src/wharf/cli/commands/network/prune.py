"""`wharf network prune`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.asking import agreed
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, Flag
from wharf.cli.output import out
from wharf.client import networks

WARNING = (
    "WARNING! This will remove all custom networks not used by at least one container.\n"
    "Are you sure you want to continue?"
)


def run(call: Call) -> int:
    if not call.options["force"] and not agreed(WARNING):
        return 0
    done = networks.prune(call.client, read_filters(call.options["filter"]))
    if deleted := done.get("NetworksDeleted"):
        out("Deleted Networks:\n" + "".join(f"{name}\n" for name in deleted) + "\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Remove all networks that no container belongs to",
    (
        Flag("filter", "", FILTER, "Which ones (until=<time>, label=<name>=<value>)"),
        Flag("force", "f", BOOL, "Do not ask first"),
    ),
)
