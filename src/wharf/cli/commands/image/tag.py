"""`wharf tag`."""

from wharf.cli.command import Call, Command
from wharf.cli.errors import Exit
from wharf.client import images
from wharf.client.names import parse_name
from wharf.errors import InvalidArgument


def run(call: Call) -> int:
    source, target = call.arguments
    try:
        name = parse_name(target)
    except InvalidArgument as error:
        raise Exit(1, f'Error parsing reference: "{target}" is not a valid repository/tag: {error}') from None
    if name.digest:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    images.tag(call.client, source, name.repository, name.tag or "latest")
    return 0


COMMAND = Command(run, "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Give an image another name", least=2, most=2)
