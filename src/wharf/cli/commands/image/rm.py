"""`wharf rmi`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import err, out
from wharf.client import images
from wharf.client.errors import Refused
from wharf.errors import EngineError


def show_done(done: "list[dict[str, str]]") -> str:
    return "".join(
        f"Deleted: {item['Deleted']}\n" if item.get("Deleted") else f"Untagged: {item.get('Untagged', '')}\n"
        for item in done
    )


def run(call: Call) -> int:
    options = call.options
    code = 0
    for name in call.arguments:
        try:
            done = images.remove(call.client, name, force=options["force"], no_prune=options["no-prune"])
        except EngineError as error:
            # With --force the wish is that it is not there.
            if not (options["force"] and isinstance(error, Refused) and error.status == 404):
                code = 1
            err(f"{error}\n")
        else:
            out(show_done(done))
    return code


COMMAND = Command(
    run,
    "[OPTIONS] IMAGE [IMAGE...]",
    "Remove images",
    (
        Flag("force", "f", BOOL, "Remove them even if stopped containers are made of them"),
        Flag("no-prune", "", BOOL, "Keep their parents that have no name"),
        Flag("platform", "", STRING, "Remove only this platform's variant"),
    ),
    least=1,
    most=MANY,
)
