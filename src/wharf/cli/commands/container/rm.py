"""`wharf rm`."""

from wharf.cli.command import MANY, Call, Command, each
from wharf.cli.flags import BOOL, Flag
from wharf.client import containers
from wharf.client.errors import Refused


def run(call: Call) -> int:
    options = call.options

    def remove(name: str) -> None:
        try:
            containers.remove(
                call.client, name.strip("/"), force=options["force"], volumes=options["volumes"], link=options["link"]
            )
        except Refused as error:
            # With --force the wish is that it is not there.
            if not (options["force"] and error.status == 404):
                raise

    return each(call, remove)


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
