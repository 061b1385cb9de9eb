"""`wharf container inspect`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.inspecting import INSPECT_FORMAT, inspect_all
from wharf.cli.flags import BOOL, Flag
from wharf.client.wire import quote


def run(call: Call) -> int:
    size = call.options["size"]
    return inspect_all(call, lambda name: call.client.get_text(f"/containers/{quote(name)}/json", {"size": size}))


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Show all that is known of containers, as JSON",
    (INSPECT_FORMAT, Flag("size", "s", BOOL, "Show what they take on disk")),
    least=1,
    most=MANY,
)
