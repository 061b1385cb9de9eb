"""`wharf events`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.filters import read_filters
from wharf.cli.commands.times import read_moment
from wharf.cli.flags import FILTER, STRING, Flag
from wharf.cli.output import out
from wharf.client import system
from wharf.client.wire import decode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# What Go's type has and the API leaves out where it does not apply.
EMPTY = {"status": "", "id": "", "from": "", "scope": ""}
RECORD_SEPARATOR = b"\x1e"


def show_event(event: "dict[str, Any]") -> str:
    """`time type action id (attributes)`"""
    import time

    seconds, nanoseconds = divmod(event["timeNano"], 10**9)
    moment = time.localtime(seconds)
    zone = time.strftime("%z", moment)
    shown = time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{nanoseconds:09d}"
    shown += f"{zone[:3]}:{zone[3:]}" if moment.tm_gmtoff else "Z"
    actor = event["Actor"]
    attributes = ", ".join(f"{name}={value}" for name, value in sorted((actor.get("Attributes") or {}).items()))
    text = f"{shown} {event['Type']} {event['Action']} {actor['ID']}"
    return f"{text} ({attributes})" if attributes else text


def run(call: Call) -> int:
    options = call.options
    show: Callable[[Any], str] = show_event
    raw = options["format"] in ("json", "{{json .}}")
    if options["format"] and not raw:
        from wharf.cli.template.objects import Template

        show = Template(options["format"].replace("\\t", "\t").replace("\\n", "\n")).render
    answer = system.open_events(
        call.client,
        since=read_moment(options["since"], ""),
        until=read_moment(options["until"], ""),
        filters=read_filters(options["filter"]),
    )
    for line in answer.lines():
        text = line.strip(RECORD_SEPARATOR + b"\r\n ")
        out((text.decode() if raw else show({**EMPTY, **decode_json(text)})) + "\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS]",
    "Show what happens in the daemon, as it happens",
    (
        Flag("filter", "f", FILTER, "Show only those with this property"),
        Flag("format", "", STRING, "'json', or a Go template"),
        Flag("since", "", STRING, "From this time on: a date, Unix seconds, or so long ago"),
        Flag("until", "", STRING, "Up to this time, written as for --since"),
    ),
)
