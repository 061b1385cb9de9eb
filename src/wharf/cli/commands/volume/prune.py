"""`wharf volume prune`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.asking import agreed
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, Flag
from wharf.cli.output import out
from wharf.cli.render.values import size
from wharf.client import volumes
from wharf.client.client import older
from wharf.errors import InvalidArgument

ANONYMOUS_ONLY_SINCE = "1.42"  # before it, the daemon takes all unused volumes and knows no filter `all`
QUESTION = "Are you sure you want to continue?"
WARNING_ALL = f"WARNING! This will remove all local volumes not used by at least one container.\n{QUESTION}"
WARNING_ANONYMOUS = f"WARNING! This will remove anonymous local volumes not used by at least one container.\n{QUESTION}"


def run(call: Call) -> int:
    options = call.options
    filters = read_filters(options["filter"])
    takes_all = older(call.client.version, ANONYMOUS_ONLY_SINCE) != ANONYMOUS_ONLY_SINCE
    if options["all"] and not takes_all:
        if "all" in filters:
            raise InvalidArgument("conflicting options: cannot specify both --all and --filter all=1")
        filters["all"] = {"true": True}
    warning = WARNING_ALL if takes_all or options["all"] or "all" in filters else WARNING_ANONYMOUS
    if not options["force"] and not agreed(warning):
        return 0
    done = volumes.prune(call.client, filters)
    if deleted := done.get("VolumesDeleted"):
        out("Deleted Volumes:\n" + "".join(f"{name}\n" for name in deleted) + "\n")
    out(f"Total reclaimed space: {size(done.get('SpaceReclaimed', 0))}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Remove unused volumes",
    (
        Flag("all", "a", BOOL, "Not only those without a name of their own"),
        Flag("filter", "", FILTER, "Which ones (label=<name>=<value>)"),
        Flag("force", "f", BOOL, "Do not ask first"),
    ),
)
