"""`wharf history`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.ls import since
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.listing import Listing
from wharf.cli.render.values import ellipsis, short_id, size
from wharf.client import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMAND_WIDTH = 45


def listing(*, full: bool, human: bool) -> Listing:
    def show_command(row: "dict[str, Any]") -> str:
        text: str = row["CreatedBy"].replace("\t", " ")
        return text if full else ellipsis(text, COMMAND_WIDTH)

    return Listing(
        "*formatter.historyContext",
        {
            "ID": ("IMAGE", lambda row: row["Id"] if full else short_id(row["Id"])),
            "CreatedSince": ("CREATED", lambda row: _since(row["Created"]) if human else _date(row["Created"])),
            "CreatedAt": ("CREATED AT", lambda row: _date(row["Created"])),
            "CreatedBy": ("CREATED BY", show_command),
            "Size": ("SIZE", lambda row: size(row["Size"], 3) if human else str(row["Size"])),
            "Comment": ("COMMENT", lambda row: row.get("Comment", "")),
        },
        ("ID", "CreatedSince", "CreatedBy", "Size", "Comment"),
    )


def _since(seconds: int) -> str:
    # Unlike in the list of images, 1970 is "no time" here.
    return since(seconds) if seconds > 0 else "N/A"


def _date(seconds: int) -> str:
    """RFC 3339, in our zone."""
    import time

    moment = time.localtime(seconds)
    zone = time.strftime("%z", moment)
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + (f"{zone[:3]}:{zone[3:]}" if moment.tm_gmtoff else "Z")


def run(call: Call) -> int:
    options = call.options
    rows = images.history(call.client, call.arguments[0])
    shown = listing(full=options["no-trunc"], human=options["human"])
    if options["quiet"] and not options["format"]:
        out("".join(f"{shown.columns['ID'][1](row)}\n" for row in rows))
        return 0
    names = ("ID", "CreatedSince" if options["human"] else "CreatedAt", "CreatedBy", "Size", "Comment")
    out(shown.show(rows, options["format"], names))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] IMAGE",
    "Show the steps that made an image",
    (
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("human", "H", BOOL, "Sizes and dates for people", True),
        Flag("no-trunc", "", BOOL, "Do not shorten ids and commands"),
        Flag("platform", "", STRING, "Platform, if there is a choice"),
        Flag("quiet", "q", BOOL, "Show ids only"),
    ),
    least=1,
    most=1,
)
