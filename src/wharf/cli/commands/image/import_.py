"""`wharf import`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.load import open_input, read_pieces
from wharf.cli.flags import LIST, STRING, Flag
from wharf.cli.render.progress import follow
from wharf.client import images
from wharf.client.names import parse_name


def run(call: Call) -> int:
    options = call.options
    source, repository, tag = call.arguments[0], "", ""
    if len(call.arguments) == 2:
        name = parse_name(call.arguments[1])
        repository, tag = name.repository, name.tag
    archive = None
    if not source.startswith(("http://", "https://")):
        archive = read_pieces(0 if source == "-" else open_input(source))
        source = "-"
    answer = images.open_import(
        call.client,
        source,
        archive,
        repository=repository,
        tag=tag,
        message=options["message"],
        changes=options["change"],
        platform=options["platform"],
    )
    follow(call, answer)
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    "Make an image of a file system archive",
    (
        Flag("change", "c", LIST, "Instruction of a Dockerfile to apply"),
        Flag("message", "m", STRING, "Comment to keep with the image"),
        Flag("platform", "", STRING, "Platform of the image"),
    ),
    least=1,
    most=2,
)
