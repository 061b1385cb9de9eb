"""`wharf rm`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.container.several import at_once
from wharf.cli.flags import BOOL, Flag
from wharf.cli.output import err, out
from wharf.client import containers
from wharf.client.client import Client
from wharf.client.errors import Refused


def run(call: Call) -> int:
    options = call.options
    flags = {name: options[name] for name in ("force", "volumes", "link")}

    def remove(client: Client, name: str) -> None:
        containers.remove(client, name.strip("/"), **flags)

    code = 0
    for name, error in zip(call.arguments, at_once(call.client, call.arguments, remove), strict=True):
        if error is None:
            out(f"{name}\n")
            continue
        # With --force the wish is that it is not there: told, but no failure.
        if not (options["force"] and isinstance(error, Refused) and error.status == 404):
            code = 1
        err(f"{error}\n")
    return code


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Remove containers",
    (
        Flag("force", "f", BOOL, "Kill what runs, and do not mind what is not there"),
        Flag("link", "l", BOOL, "Remove the link of that name"),
        Flag("volumes", "v", BOOL, "Remove their anonymous volumes too"),
    ),
    least=1,
    most=MANY,
)
