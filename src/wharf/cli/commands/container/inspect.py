"""`wharf container inspect`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.inspecting import INSPECT_FORMAT, inspect_all
from wharf.cli.flags import BOOL, Flag
from wharf.client.client import NEWEST_SHOWN
from wharf.client.wire import quote


def run(call: Call) -> int:
    def fetch(name: str) -> str:
        path, query = f"/containers/{quote(name)}/json", {"size": call.options["size"]}
        return call.client.get_text(path, query, newest=NEWEST_SHOWN)

    return inspect_all(call, fetch)


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Show all that is known of containers, as JSON",
    (INSPECT_FORMAT, Flag("size", "s", BOOL, "Show what they take on disk")),
    least=1,
    most=MANY,
)
