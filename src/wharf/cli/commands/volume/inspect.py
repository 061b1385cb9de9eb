"""`wharf volume inspect`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.inspecting import INSPECT_FORMAT, inspect_all
from wharf.client.volumes import path_of


def run(call: Call) -> int:
    return inspect_all(call, lambda name: call.client.get_text(path_of(name)))


COMMAND = Command(
    run,
    "[OPTIONS] VOLUME [VOLUME...]",
    "Show all that is known of volumes, as JSON",
    (INSPECT_FORMAT,),
    least=1,
    most=MANY,
)
