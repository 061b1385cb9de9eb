"""`wharf search`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, INT, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.listing import Listing
from wharf.cli.render.values import ellipsis
from wharf.client import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DESCRIPTION_WIDTH = 45


def listing(*, full: bool, words: bool) -> Listing:
    """`words`: yes and no as `true` and `false`, for programs that read it."""

    def description(row: "dict[str, Any]") -> str:
        text: str = row["description"].replace("\n", " ").replace("\r", " ")
        return text if full else ellipsis(text, DESCRIPTION_WIDTH)

    def official(row: "dict[str, Any]") -> str:
        if words:
            return "true" if row["is_official"] else "false"
        return "[OK]" if row["is_official"] else ""

    return Listing(
        "*registry.searchContext",
        {
            "Name": ("NAME", lambda row: row["name"]),
            "Description": ("DESCRIPTION", description),
            "StarCount": ("STARS", lambda row: str(row["star_count"])),
            "IsOfficial": ("OFFICIAL", official),
        },
        ("Name", "Description", "StarCount", "IsOfficial"),
    )


def run(call: Call) -> int:
    options = call.options
    rows = images.search(
        call.client, call.arguments[0], limit=options["limit"], filters=read_filters(options["filter"])
    )
    names = ("Name", "Description", "StarCount", "IsOfficial")
    shown = listing(full=options["no-trunc"], words="json" in options["format"])
    out(shown.show(rows, options["format"], names))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] TERM",
    "Look for images at Docker Hub, or at the registry that the term begins with",
    (
        Flag("filter", "f", FILTER, "Only what fits, such as 'is-official=true' or 'stars=3'"),
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("limit", "", INT, "Most results to show"),
        Flag("no-trunc", "", BOOL, "Do not shorten descriptions"),
    ),
    least=1,
    most=1,
)
