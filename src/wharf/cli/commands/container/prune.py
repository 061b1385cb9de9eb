"""`wharf container prune`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.asking import agreed
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, Flag
from wharf.cli.output import out
from wharf.cli.render.values import size
from wharf.client import containers

WARNING = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?"


def run(call: Call) -> int:
    if not call.options["force"] and not agreed(WARNING):
        return 0
    done = containers.prune(call.client, read_filters(call.options["filter"]))
    if deleted := done.get("ContainersDeleted"):
        out("Deleted Containers:\n" + "".join(f"{id}\n" for id in deleted) + "\n")
    out(f"Total reclaimed space: {size(done.get('SpaceReclaimed', 0))}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Remove all stopped containers",
    (
        Flag("filter", "", FILTER, "Which ones (until=<time>, label=<name>=<value>)"),
        Flag("force", "f", BOOL, "Do not ask first"),
    ),
)
