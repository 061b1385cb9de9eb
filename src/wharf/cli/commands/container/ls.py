"""`wharf ps`: the list of containers."""

import time

from wharf.apitypes import durations
from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, INT, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.listing import Listing
from wharf.cli.render.ports import show_ports
from wharf.cli.render.values import ellipsis, label, labels, local_time, short_id, size
from wharf.client import containers
from wharf.errors import InvalidArgument
from wharf.gotemplate.quoting import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Summary = dict[str, Any]

COMMAND_WIDTH = 20
MOUNT_WIDTH = 15
USUAL = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")


def listing(*, full: bool) -> Listing:
    """What can be shown of a container; `full` keeps ids, commands and links uncut."""

    def show_names(row: "Summary") -> str:
        names = [name.removeprefix("/") for name in row["Names"]]
        return ",".join(names if full else [name for name in names if "/" not in name])

    def show_command(row: "Summary") -> str:
        return quoted(row["Command"] if full else ellipsis(row["Command"], COMMAND_WIDTH))

    def show_mounts(row: "Summary") -> str:
        names = [mount.get("Name") or mount.get("Source", "") for mount in row.get("Mounts") or []]
        return ",".join(names if full else [ellipsis(name, MOUNT_WIDTH) for name in names])

    return Listing(
        "*formatter.ContainerContext",
        {
            "ID": ("CONTAINER ID", lambda row: row["Id"] if full else short_id(row["Id"])),
            "Image": ("IMAGE", lambda row: _show_image(row, full)),
            "Command": ("COMMAND", show_command),
            "CreatedAt": ("CREATED AT", lambda row: local_time(row["Created"])),
            "RunningFor": ("CREATED", lambda row: durations.human(time.time() - row["Created"]) + " ago"),
            "Status": ("STATUS", lambda row: row["Status"]),
            "State": ("STATE", lambda row: row["State"]),
            "Ports": ("PORTS", lambda row: show_ports(row.get("Ports") or [])),
            "Names": ("NAMES", show_names),
            "Size": ("SIZE", _show_size),
            "Labels": ("LABELS", labels),
            "Mounts": ("MOUNTS", show_mounts),
            "LocalVolumes": ("LOCAL VOLUMES", lambda row: str(_count_local_volumes(row))),
            "Networks": ("NETWORKS", _show_networks),
            "Platform": ("PLATFORM", lambda row: (row.get("ImageManifestDescriptor") or {}).get("platform")),
        },
        USUAL,
        {"Label": label},
    )


def _show_image(row: "Summary", full: bool) -> str:
    image: str = row["Image"] or "<no image>"
    if full:
        return image
    if row.get("ImageID", "").startswith("sha256:") and image == row["ImageID"]:
        return short_id(image)
    # A digest says too much for a column; the name stays.
    return image.partition("@")[0] if "@" in image else image


def _show_size(row: "Summary") -> str:
    written, whole = row.get("SizeRw", 0), row.get("SizeRootFs", 0)
    return f"{size(written, 3)} (virtual {size(whole, 3)})" if whole > 0 else size(written, 3)


def _count_local_volumes(row: "Summary") -> int:
    return sum(mount.get("Driver") == "local" for mount in row.get("Mounts") or [])


def _show_networks(row: "Summary") -> str:
    return ",".join(sorted((row.get("NetworkSettings") or {}).get("Networks") or {}))


def run(call: Call) -> int:
    options = call.options
    format = options["format"] or ("" if options["quiet"] else call.config.get("psFormat", ""))
    limit = 1 if options["latest"] else options["last"]
    # The sizes cost the daemon a walk through every file: they are asked for only where they are shown.
    sized = options["size"] or ".Size" in format
    rows = containers.list_all(
        call.client, all=options["all"], limit=limit, size=sized, filters=read_filters(options["filter"])
    )
    if options["quiet"] and not options["format"]:
        out("".join(f"{row['Id'] if options['no-trunc'] else row['Id'][:12]}\n" for row in rows))
        return 0
    usual = (*USUAL, "Size") if options["size"] else USUAL
    try:
        out(listing(full=options["no-trunc"]).show(rows, format, usual))
    except InvalidArgument as error:
        # docker's ps looks at the template by itself, and has words of its own.
        step = "execute" if ": executing " in str(error) else "parse"
        text = str(error).removeprefix("template parsing error: ")
        raise InvalidArgument(f"failed to {step} template: {text}") from None
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "List containers",
    (
        Flag("all", "a", BOOL, "Show stopped containers too"),
        Flag("filter", "f", FILTER, "Show only those with this property"),
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("last", "n", INT, "Show the n newest, running or not", -1),
        Flag("latest", "l", BOOL, "Show the newest, running or not"),
        Flag("no-trunc", "", BOOL, "Do not shorten ids and commands"),
        Flag("quiet", "q", BOOL, "Show ids only"),
        Flag("size", "s", BOOL, "Show what they take on disk"),
    ),
)
