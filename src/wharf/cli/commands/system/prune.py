"""`wharf system prune`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.asking import agreed
from wharf.cli.commands.filters import read_filters
from wharf.cli.commands.image.rm import show_done
from wharf.cli.flags import BOOL, FILTER, Flag
from wharf.cli.output import out
from wharf.cli.render.values import size
from wharf.client.containers import encode_filters
from wharf.client.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOT_HERE = (404, 501)  # of kinds that this daemon does not have


def _question(*, volumes: bool, all: bool) -> str:
    images = "all images without at least one container associated to them" if all else "all dangling images"
    things = ["all stopped containers", "all networks not used by at least one container"]
    things += ["all anonymous volumes not used by at least one container"] if volumes else []
    things += [images, "all build cache" if all else "unused build cache"]
    listed = "".join(f"  - {thing}\n" for thing in things)
    return f"WARNING! This will remove:\n{listed}\nAre you sure you want to continue?"


def run(call: Call) -> int:
    options = call.options
    if not options["force"] and not agreed(_question(volumes=options["volumes"], all=options["all"])):
        return 0
    filters = read_filters(options["filter"])
    dangling = {"dangling": {"false" if options["all"] else "true": True}}
    steps: list[tuple[str, dict[str, Any], str, str]] = [
        ("/containers/prune", filters, "ContainersDeleted", "Deleted Containers:"),
        ("/networks/prune", filters, "NetworksDeleted", "Deleted Networks:"),
        ("/volumes/prune", filters, "VolumesDeleted", "Deleted Volumes:"),
        ("/images/prune", {**filters, **dangling}, "ImagesDeleted", "Deleted Images:"),
        ("/build/prune", filters, "CachesDeleted", "Deleted build cache objects:"),
    ]
    freed = 0
    for path, wanted, field, title in steps:
        if path == "/volumes/prune" and not options["volumes"]:
            continue
        try:
            done = call.client.post(path, {"filters": encode_filters(wanted)}) or {}
        except Refused as error:
            if error.status in NOT_HERE:
                continue
            raise
        freed += done.get("SpaceReclaimed", 0)
        if deleted := done.get(field):
            lines = _image_lines(deleted) if field == "ImagesDeleted" else "".join(f"{id}\n" for id in deleted)
            out(f"{title}\n{lines}\n")
    out(f"Total reclaimed space: {size(freed)}\n")
    return 0


def _image_lines(deleted: "list[dict[str, str]]") -> str:
    return show_done(deleted).replace("Untagged:", "untagged:").replace("Deleted:", "deleted:")


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Remove unused data",
    (
        Flag("all", "a", BOOL, "Remove unused images with a name, too"),
        Flag("filter", "", FILTER, "Which ones (label=<name>=<value>)"),
        Flag("force", "f", BOOL, "Do not ask first"),
        Flag("volumes", "", BOOL, "Remove anonymous volumes, too"),
    ),
)
