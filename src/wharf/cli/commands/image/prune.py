"""`wharf image prune`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.asking import agreed
from wharf.cli.commands.filters import read_filters
from wharf.cli.commands.image.rm import show_done
from wharf.cli.flags import BOOL, FILTER, Flag
from wharf.cli.output import out
from wharf.cli.render.values import size
from wharf.client import images

QUESTION = "Are you sure you want to continue?"
DANGLING = f"WARNING! This will remove all dangling images.\n{QUESTION}"
UNUSED = f"WARNING! This will remove all images without at least one container associated to them.\n{QUESTION}"


def run(call: Call) -> int:
    options = call.options
    if not options["force"] and not agreed(UNUSED if options["all"] else DANGLING):
        return 0
    filters = read_filters(options["filter"])
    filters["dangling"] = {"false" if options["all"] else "true": True}
    done = images.prune(call.client, filters)
    if deleted := done.get("ImagesDeleted"):
        text = show_done(deleted).replace("Untagged:", "untagged:").replace("Deleted:", "deleted:")
        out(f"Deleted Images:\n{text}\n")
    out(f"Total reclaimed space: {size(done.get('SpaceReclaimed', 0))}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Remove unused images",
    (
        Flag("all", "a", BOOL, "Remove those with a name, too"),
        Flag("filter", "", FILTER, "Which ones (until=<time>, label=<name>=<value>)"),
        Flag("force", "f", BOOL, "Do not ask first"),
    ),
)
