"""`wharf network inspect`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.inspecting import INSPECT_FORMAT, inspect_all
from wharf.cli.flags import BOOL, Flag
from wharf.client.networks import path_of


def run(call: Call) -> int:
    query = {"verbose": True} if call.options["verbose"] else {}
    return inspect_all(call, lambda name: call.client.get_text(path_of(name), query))


COMMAND = Command(
    run,
    "[OPTIONS] NETWORK [NETWORK...]",
    "Show all that is known of networks, as JSON",
    (INSPECT_FORMAT, Flag("verbose", "v", BOOL, "Also what only helps to find faults")),
    least=1,
    most=MANY,
)
