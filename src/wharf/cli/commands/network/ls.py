"""`wharf network ls`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, STRING, Flag
from wharf.cli.render.listing import Listing, print_listing
from wharf.cli.render.values import label, labels
from wharf.client import networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]


def _created(row: "Row") -> str:
    """As Go prints a time: the API's are in UTC."""
    date, _, clock = row["Created"].partition("T")
    if not clock.endswith("Z"):
        return str(row["Created"])
    seconds = clock[:-1]
    return f"{date} {seconds.rstrip('0').rstrip('.') if '.' in seconds else seconds} +0000 UTC"


def _flag(row: "Row", name: str, default: bool) -> str:
    return "true" if row.get(name, default) else "false"


def listing(*, full: bool) -> Listing:
    return Listing(
        "*network.networkContext",
        {
            "CreatedAt": ("CREATED AT", _created),
            "Driver": ("DRIVER", lambda row: row["Driver"]),
            "ID": ("NETWORK ID", lambda row: row["Id"] if full else row["Id"][:12]),
            "IPv4": ("IPV4", lambda row: _flag(row, "EnableIPv4", True)),
            "IPv6": ("IPV6", lambda row: _flag(row, "EnableIPv6", False)),
            "Internal": ("INTERNAL", lambda row: _flag(row, "Internal", False)),
            "Labels": ("LABELS", labels),
            "Name": ("NAME", lambda row: row["Name"]),
            "Scope": ("SCOPE", lambda row: row["Scope"]),
        },
        ("ID", "Name", "Driver", "Scope"),
        {"Label": label},
    )


def run(call: Call) -> int:
    rows = networks.list_all(call.client, read_filters(call.options["filter"]))
    return print_listing(call, listing(full=call.options["no-trunc"]), rows, "networksFormat")


COMMAND = Command(
    run,
    "[OPTIONS]",
    "List networks",
    (
        Flag("filter", "f", FILTER, "Show only those with this property"),
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("no-trunc", "", BOOL, "Do not shorten ids"),
        Flag("quiet", "q", BOOL, "Show ids only"),
    ),
)
