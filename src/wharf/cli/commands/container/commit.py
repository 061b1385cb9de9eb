"""`wharf commit`."""

from wharf.cli.command import Call, Command
from wharf.cli.flags import BOOL, LIST, STRING, Flag
from wharf.cli.output import out
from wharf.client import archives
from wharf.client.names import parse_name


def run(call: Call) -> int:
    options = call.options
    repository = tag = ""
    if len(call.arguments) == 2:
        name = parse_name(call.arguments[1])
        repository, tag = name.repository, name.tag
    id = archives.commit(
        call.client,
        call.arguments[0],
        repository=repository,
        tag=tag,
        author=options["author"],
        comment=options["message"],
        changes=options["change"],
        pause=options["pause"],
    )
    out(f"{id}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    "Make an image of what a container has become",
    (
        Flag("author", "a", STRING, "Who made it (Name <name@example.org>)"),
        Flag("change", "c", LIST, "Instruction of a Dockerfile to apply"),
        Flag("message", "m", STRING, "Comment to keep with the image"),
        Flag("pause", "p", BOOL, "Freeze the container meanwhile", True),
    ),
    least=1,
    most=2,
)
