"""`wharf image inspect`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.inspecting import INSPECT_FORMAT, inspect_all
from wharf.client.client import NEWEST_SHOWN
from wharf.client.images import path_of


def run(call: Call) -> int:
    return inspect_all(call, lambda name: call.client.get_text(f"{path_of(name)}/json", newest=NEWEST_SHOWN))


COMMAND = Command(
    run,
    "[OPTIONS] IMAGE [IMAGE...]",
    "Show all that is known of images, as JSON",
    (INSPECT_FORMAT,),
    least=1,
    most=MANY,
)
