"""`wharf diff`."""

from wharf.cli.command import Call, Command
from wharf.cli.output import out
from wharf.client import archives
from wharf.errors import InvalidArgument

KINDS = "CAD"  # by the API's numbers


def run(call: Call) -> int:
    name = call.arguments[0]
    if not name:
        raise InvalidArgument("Container name cannot be empty")
    lines = [f"{KINDS[change['Kind']]} {change['Path']}\n" for change in archives.changes(call.client, name)]
    out("".join(lines))
    return 0


COMMAND = Command(run, "CONTAINER", "Show which files of a container differ from its image", least=1, most=1)
