"""`wharf plugin inspect`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.inspecting import INSPECT_FORMAT, inspect_all
from wharf.client.plugins import path_of


def run(call: Call) -> int:
    return inspect_all(call, lambda name: call.client.get_text(f"{path_of(name)}/json"))


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN [PLUGIN...]",
    "Show all that is known of plugins, as JSON",
    (INSPECT_FORMAT,),
    least=1,
    most=MANY,
)
