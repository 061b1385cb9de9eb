"""`wharf system df`."""

from wharf.apitypes import durations
from wharf.cli.command import Call, Command
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.listing import Listing
from wharf.cli.render.values import short_id, size
from wharf.client import system
from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SUMMARY = Listing(
    "*formatter.diskUsageContext",
    {
        "Type": ("TYPE", lambda row: row["type"]),
        "TotalCount": ("TOTAL", lambda row: str(row["total"])),
        "Active": ("ACTIVE", lambda row: str(row["active"])),
        "Size": ("SIZE", lambda row: size(row["size"])),
        "Reclaimable": ("RECLAIMABLE", lambda row: _show_free(row)),
    },
    ("Type", "TotalCount", "Active", "Size", "Reclaimable"),
)
IMAGE_COLUMNS = ("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers")
CONTAINER_COLUMNS = ("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names")
VOLUMES = Listing(
    "*formatter.volumeContext",
    {
        "Name": ("VOLUME NAME", lambda row: row["Name"]),
        "Links": ("LINKS", lambda row: str((row.get("UsageData") or {}).get("RefCount", 0))),
        "Size": ("SIZE", lambda row: size((row.get("UsageData") or {}).get("Size", 0))),
    },
    ("Name", "Links", "Size"),
)
CACHE = Listing(
    "*formatter.buildCacheContext",
    {
        "ID": ("CACHE ID", lambda row: short_id(row["ID"])),
        "CacheType": ("CACHE TYPE", lambda row: row["Type"]),
        "Size": ("SIZE", lambda row: size(row["Size"])),
        "CreatedSince": ("CREATED", lambda row: _ago(row.get("CreatedAt"))),
        "LastUsedSince": ("LAST USED", lambda row: _ago(row.get("LastUsedAt"))),
        "UsageCount": ("USAGE", lambda row: str(row.get("UsageCount", 0))),
        "Shared": ("SHARED", lambda row: "true" if row.get("Shared") else "false"),
    },
    ("ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"),
)


def _ago(moment: str | None) -> str:
    """How long ago a date of RFC 3339 is."""
    if not moment:
        return ""
    import time

    from wharf.cli.commands.times import read_moment

    return f"{durations.human(time.time() - float(read_moment(moment, 'date')))} ago"


def _show_free(row: "dict[str, Any]") -> str:
    """With its share, but where docker gives none."""
    if row["size"] > 0 and row["type"] != "Build Cache":
        return f"{size(row['free'])} ({row['free'] * 100 // row['size']}%)"
    return size(row["free"])


def rows_of(usage: "dict[str, Any]") -> "list[dict[str, Any]]":
    """A row for each kind of thing."""
    images, containers = usage.get("Images") or [], usage.get("Containers") or []
    volumes, cache = usage.get("Volumes") or [], usage.get("BuildCache") or []
    layers = usage.get("LayersSize") or 0
    # An image whose shared part is not known counts as free, as in docker.
    measured = [image for image in images if image.get("Containers", 0) > 0 and image.get("SharedSize", -1) != -1]
    used = sum(image["Size"] - image["SharedSize"] for image in measured)
    written = sum(container.get("SizeRw", 0) for container in containers)
    running = [container for container in containers if container["State"] in ("running", "paused", "restarting")]
    known = [volume["UsageData"] for volume in volumes if volume.get("UsageData")]
    cached = [entry for entry in cache if not entry.get("Shared")]
    return [
        _row("Images", images, sum(image.get("Containers", 0) > 0 for image in images), layers, layers - used),
        _row("Containers", containers, len(running), written, written - sum(row.get("SizeRw", 0) for row in running)),
        _row(
            "Local Volumes",
            volumes,
            sum(data["RefCount"] > 0 for data in known),
            sum(max(data["Size"], 0) for data in known),
            sum(max(data["Size"], 0) for data in known if data["RefCount"] == 0),
        ),
        _row(
            "Build Cache",
            cache,
            sum(bool(entry.get("InUse")) for entry in cache),
            sum(entry["Size"] for entry in cached),
            sum(entry["Size"] for entry in cached if not entry.get("InUse")),
        ),
    ]


def _row(kind: str, things: "list[Any]", active: int, bytes: int, free: int) -> "dict[str, Any]":
    return {"type": kind, "total": len(things), "active": active, "size": bytes, "free": free}


def run(call: Call) -> int:
    options = call.options
    if options["verbose"] and options["format"] not in ("", "table"):
        raise InvalidArgument("the verbose flag goes with no format")
    usage = system.disk_usage(call.client)
    out(_show_all(usage) if options["verbose"] else SUMMARY.show(rows_of(usage), options["format"]))
    return 0


def _show_all(usage: "dict[str, Any]") -> str:
    from wharf.cli.commands.container import ls as containers
    from wharf.cli.commands.image import ls as images

    names = [images.rows_of(image, digests=False)[0] for image in usage.get("Images") or []]
    # The size of all layers is the image's, which is listed above.
    made = [{**row, "SizeRootFs": 0} for row in usage.get("Containers") or []]
    cached = sum(entry["Size"] for entry in usage.get("BuildCache") or [] if not entry.get("Shared"))
    return (
        "Images space usage:\n\n"
        + images.listing(full=False).show(names, "", IMAGE_COLUMNS)
        + "\nContainers space usage:\n\n"
        + containers.listing(full=False).show(made, "", CONTAINER_COLUMNS)
        + "\nLocal Volumes space usage:\n\n"
        + VOLUMES.show(usage.get("Volumes") or [], "")
        + f"\nBuild cache usage: {size(cached)}\n\n"
        + CACHE.show(usage.get("BuildCache") or [], "")
    )


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Show what takes up disk space",
    (
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("verbose", "v", BOOL, "Show every single thing"),
    ),
)
