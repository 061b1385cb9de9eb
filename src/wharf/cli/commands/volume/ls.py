"""`wharf volume ls`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, STRING, Flag
from wharf.cli.render.listing import Listing, print_listing
from wharf.cli.render.values import label, labels, size
from wharf.client import volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]

NOT_KNOWN = "N/A"


def _usage(row: "Row", name: str) -> int:
    return int((row.get("UsageData") or {}).get(name, -1))


def _links(row: "Row") -> str:
    count = _usage(row, "RefCount")
    return NOT_KNOWN if count < 0 else str(count)


def _size(row: "Row") -> str:
    count = _usage(row, "Size")
    return NOT_KNOWN if count < 0 else size(count)


VOLUMES = Listing(
    "*formatter.volumeContext",
    {
        # The three that only volumes of a cluster have.
        "Availability": ("AVAILABILITY", lambda row: NOT_KNOWN),
        "Group": ("GROUP", lambda row: NOT_KNOWN),
        "Status": ("STATUS", lambda row: NOT_KNOWN),
        "Driver": ("DRIVER", lambda row: row["Driver"]),
        "Labels": ("LABELS", labels),
        "Links": ("LINKS", _links),
        "Mountpoint": ("MOUNTPOINT", lambda row: row["Mountpoint"]),
        "Name": ("VOLUME NAME", lambda row: row["Name"]),
        "Scope": ("SCOPE", lambda row: row["Scope"]),
        "Size": ("SIZE", _size),
    },
    ("Driver", "Name"),
    {"Label": label},
)


def run(call: Call) -> int:
    rows = volumes.list_all(call.client, read_filters(call.options["filter"]))
    return print_listing(call, VOLUMES, rows, "volumesFormat", quiet="Name")


COMMAND = Command(
    run,
    "[OPTIONS]",
    "List volumes",
    (
        Flag("filter", "f", FILTER, "Show only those with this property"),
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("quiet", "q", BOOL, "Show names only"),
    ),
)
