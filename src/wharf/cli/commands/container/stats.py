"""`wharf stats`: what containers use, as a table that is drawn again and again."""

import time

from wharf.cli.command import MANY, Call, Command, connect
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render import usage
from wharf.cli.render.listing import Listing
from wharf.cli.render.values import short_id
from wharf.client import archives, containers
from wharf.client.wire import decode_json
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]  # Container (as asked for), Sample (None before the first)

DRAW_EVERY = 0.5  # seconds
LOOK_EVERY = 2.0  # seconds between looks for containers that have come
CLEAR = "\033[2J\033[H"
USUAL = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")


def listing(*, full: bool) -> Listing:
    """What can be shown of a container's usage."""

    def show_id(row: "Row") -> str:
        id = str((row["Sample"] or {}).get("id", row["Container"]))
        return id if full else short_id(id)

    def show_pids(row: "Row") -> str:
        return usage.NOTHING if row["Sample"] is None else str(row["Sample"].get("pids_stats", {}).get("current", 0))

    def pair(row: "Row", count: "Any") -> str:
        return usage.pair_text(None if row["Sample"] is None else count(row["Sample"]))

    return Listing(
        "*container.statsContext",
        {
            "Container": ("CONTAINER", lambda row: row["Container"]),
            "ID": ("CONTAINER ID", show_id),
            "Name": ("NAME", lambda row: (row["Sample"] or {}).get("name", "").removeprefix("/") or usage.NOTHING),
            "CPUPerc": ("CPU %", lambda row: usage.cpu_text(row["Sample"])),
            "MemUsage": ("MEM USAGE / LIMIT", lambda row: usage.memory_text(row["Sample"])),
            "MemPerc": ("MEM %", lambda row: usage.memory_percent(row["Sample"])),
            "NetIO": ("NET I/O", lambda row: pair(row, usage.network_bytes)),
            "BlockIO": ("BLOCK I/O", lambda row: pair(row, usage.block_bytes)),
            "PIDs": ("PIDS", show_pids),
        },
        USUAL,
    )


class Watcher:
    """Follows one container's samples in a thread of its own."""

    def __init__(self, call: Call, name: str, *, stream: bool) -> None:
        import threading

        self.row: Row = {"Container": name, "Sample": None}
        self.error: EngineError | None = None
        self.ended = False
        self._call, self._name, self._stream = call, name, stream
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            with connect(self._call.globals) as client:
                for line in archives.open_stats(client, self._name, stream=self._stream).lines():
                    self.row = {**self.row, "Sample": decode_json(line)}
        except EngineError as error:
            self.error = error
        self.ended = True


def run(call: Call) -> int:
    options = call.options
    names = call.arguments or _names(call)
    once = options["no-stream"]
    watchers = {name: Watcher(call, name, stream=not once) for name in names}
    format = options["format"] or call.config.get("statsFormat", "")
    shown = listing(full=options["no-trunc"])
    if once:
        for watcher in watchers.values():
            watcher.thread.join()
        return _draw(watchers, shown, format, prefix="")
    return _watch(call, watchers, shown, format)


def _names(call: Call) -> list[str]:
    return [str(one["Id"])[:12] for one in containers.list_all(call.client, all=call.options["all"])]


def _watch(call: Call, watchers: "dict[str, Watcher]", shown: Listing, format: str) -> int:
    looked = time.monotonic()
    while True:
        time.sleep(DRAW_EVERY)
        if not call.arguments and time.monotonic() - looked > LOOK_EVERY:
            looked = time.monotonic()
            names = _names(call)
            for name in [name for name in watchers if name not in names]:
                del watchers[name]
            for name in names:
                if name not in watchers:
                    watchers[name] = Watcher(call, name, stream=True)
        if call.arguments and all(watcher.ended for watcher in watchers.values()):
            return _draw({name: one for name, one in watchers.items() if one.error}, shown, format, prefix="")
        _draw(watchers, shown, format, prefix=CLEAR)


def _draw(watchers: "dict[str, Watcher]", shown: Listing, format: str, *, prefix: str) -> int:
    errors = [str(watcher.error) for watcher in watchers.values() if watcher.error is not None]
    if errors and not prefix:
        raise EngineError("\n".join(errors))
    rows = [watcher.row for watcher in watchers.values() if watcher.error is None]
    out(prefix + shown.show(rows, format))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] [CONTAINER...]",
    "Show what containers use, as it changes",
    (
        Flag("all", "a", BOOL, "Show stopped containers too"),
        Flag("format", "", STRING, "'table', 'table TEMPLATE', 'json', or a Go template"),
        Flag("no-stream", "", BOOL, "Show the first result and end"),
        Flag("no-trunc", "", BOOL, "Do not shorten ids"),
    ),
    most=MANY,
)
