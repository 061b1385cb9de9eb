"""`wharf images`: the list of images."""

import time

from wharf.apitypes import durations
from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.flags import BOOL, FILTER, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.listing import Listing
from wharf.cli.render.values import local_time, short_id, size
from wharf.client import images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Summary = dict[str, Any]

NONE = "<none>"
YEAR_ONE = -62_135_596_800  # Unix seconds of what Go takes for "no time"
USUAL = ("Repository", "Tag", "ID", "CreatedSince", "Size")
WITH_DIGESTS = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")


def listing(*, full: bool) -> Listing:
    return Listing(
        "*formatter.imageContext",
        {
            "ID": ("IMAGE ID", lambda row: row["Id"] if full else short_id(row["Id"])),
            "Repository": ("REPOSITORY", lambda row: row["repository"]),
            "Tag": ("TAG", lambda row: row["tag"]),
            "Digest": ("DIGEST", lambda row: row["digest"]),
            "CreatedSince": ("CREATED", lambda row: since(row["Created"])),
            "CreatedAt": ("CREATED AT", lambda row: local_time(row["Created"])),
            "Size": ("SIZE", lambda row: size(row["Size"], 3)),
            "Containers": ("CONTAINERS", lambda row: _known(row.get("Containers", -1), str)),
            "VirtualSize": ("SIZE", lambda row: size(row["Size"])),
            "SharedSize": ("SHARED SIZE", lambda row: _known(row.get("SharedSize", -1), size)),
            "UniqueSize": ("UNIQUE SIZE", _show_unique),
        },
        USUAL,
    )


def since(created: int) -> str:
    return f"{durations.human(time.time() - created)} ago" if created > YEAR_ONE else "N/A"


def _known(count: int, show: "Any") -> str:
    return "N/A" if count == -1 else str(show(count))


def _show_unique(row: "Summary") -> str:
    shared = row.get("SharedSize", -1)
    return "N/A" if -1 in (shared, row["Size"]) else size(row["Size"] - shared)


def rows_of(summary: "Summary", *, digests: bool) -> "list[Summary]":
    """A row for every name: by tag, and where digests are shown, by digest too."""
    tags: dict[str, list[str]] = {}
    for name in summary.get("RepoTags") or []:
        repository, _, tag = name.rpartition(":")
        if repository != NONE:
            tags.setdefault(repository, []).append(tag)
    by_digest: dict[str, list[str]] = {}
    for name in summary.get("RepoDigests") or []:
        repository, _, digest = name.partition("@")
        if repository != NONE:
            by_digest.setdefault(repository, []).append(digest)
    rows = []
    for repository, names in tags.items():
        # Without digests shown, a row for each of an image's digests would only repeat itself.
        found = by_digest.pop(repository, [NONE]) if digests else by_digest.pop(repository, [NONE])[:1]
        rows += [(repository, tag, digest) for tag in names for digest in found]
    for repository, found in by_digest.items():
        rows += [(repository, NONE, digest) for digest in (found if digests else found[:1])]
    rows = rows or [(NONE, NONE, NONE)]
    return [{**summary, "repository": one, "tag": two, "digest": three} for one, two, three in rows]


def run(call: Call) -> int:
    options = call.options
    filters = read_filters(options["filter"])
    if call.arguments:
        filters.setdefault("reference", {})[call.arguments[0]] = True
    found = images.list_all(call.client, all=options["all"], filters=filters)
    if options["quiet"] and not options["format"]:
        shown = (row for summary in found for row in rows_of(summary, digests=options["digests"]))
        out("".join(f"{row['Id'] if options['no-trunc'] else short_id(row['Id'])}\n" for row in shown))
        return 0
    format = options["format"] or call.config.get("imagesFormat", "")
    digests = options["digests"] or ".Digest" in format
    rows = [row for summary in found for row in rows_of(summary, digests=digests)]
    out(listing(full=options["no-trunc"]).show(rows, format, WITH_DIGESTS if options["digests"] else USUAL))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] [REPOSITORY[:TAG]]",
    "List images",
    (
        Flag("all", "a", BOOL, "Show intermediate images too"),
        Flag("digests", "", BOOL, "Show digests"),
        Flag("filter", "f", FILTER, "Show only those with this property"),
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("no-trunc", "", BOOL, "Do not shorten ids"),
        Flag("quiet", "q", BOOL, "Show ids only"),
    ),
    most=1,
)
