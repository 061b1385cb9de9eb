"""`wharf plugin ls`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.listing import Listing, print_listing
from wharf.cli.render.values import ellipsis, short_id
from wharf.client import plugins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]

DESCRIPTION_WIDTH = 45


def _description(row: "Row", *, full: bool) -> str:
    text = str(row["Config"]["Description"]).replace("\n", "").replace("\r", "")
    return text if full else ellipsis(text, DESCRIPTION_WIDTH)


def listing(*, full: bool) -> Listing:
    return Listing(
        "*plugin.pluginContext",
        {
            "Description": ("DESCRIPTION", lambda row: _description(row, full=full)),
            "Enabled": ("ENABLED", lambda row: row["Enabled"]),
            "ID": ("ID", lambda row: row["Id"] if full else short_id(row["Id"])),
            "Name": ("NAME", lambda row: row["Name"]),
            "PluginReference": ("IMAGE", lambda row: row.get("PluginReference", "")),
        },
        ("ID", "Name", "Description", "Enabled"),
    )


def run(call: Call) -> int:
    options = call.options
    format = options["format"] or ("" if options["quiet"] else call.config.get("pluginsFormat", ""))
    rows = plugins.list_all(call.client, read_filters(options["filter"]))
    if options["quiet"] and format in ("", "table"):
        out("".join(f"{row['Id'] if options['no-trunc'] else short_id(row['Id'])}\n" for row in rows))
        return 0
    print_listing(listing(full=options["no-trunc"]), rows, format)
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "List plugins",
    (
        Flag("filter", "f", FILTER, "Show only those with this property (enabled=true, capability=volumedriver)"),
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("no-trunc", "", BOOL, "Do not shorten ids and descriptions"),
        Flag("quiet", "q", BOOL, "Show ids only"),
    ),
)
