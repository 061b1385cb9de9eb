"""`wharf push`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.pull import CONTENT_TRUST, auth_header, full_name
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.progress import follow
from wharf.client import images
from wharf.client.names import parse_name
from wharf.errors import InvalidArgument


def run(call: Call) -> int:
    options = call.options
    name = parse_name(call.arguments[0])
    tag = name.tag
    if options["all-tags"]:
        if tag:
            raise InvalidArgument("tag can't be used with --all-tags/-a")
    elif not tag:
        tag = "latest"
        if not options["quiet"]:
            out("Using default tag: latest\n")
    answer = images.open_push(call.client, name.repository, tag, auth=auth_header(call, name))
    follow(call, answer, quiet=options["quiet"])
    if options["quiet"]:
        out(f"{full_name(name)}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] NAME[:TAG]",
    "Send an image to a registry",
    (
        Flag("all-tags", "a", BOOL, "Send all tags of the repository"),
        CONTENT_TRUST,
        Flag("platform", "", STRING, "Send only this platform's variant"),
        Flag("quiet", "q", BOOL, "Show no progress"),
    ),
    least=1,
    most=1,
)
