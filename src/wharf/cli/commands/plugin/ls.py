"""`wharf plugin ls`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, STRING, Flag
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
    rows = plugins.list_all(call.client, read_filters(call.options["filter"]))
    return print_listing(call, listing(full=call.options["no-trunc"]), rows, "pluginsFormat")


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
