"""`wharf plugin push`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.pull import auth_header
from wharf.cli.commands.plugin.fetching import show_progress
from wharf.cli.flags import BOOL, Flag
from wharf.client import plugins
from wharf.client.names import parse_name
from wharf.errors import InvalidArgument


def run(call: Call) -> int:
    text = call.arguments[0]
    name = parse_name(text)
    if name.digest:
        raise InvalidArgument(f"invalid name: {text}")
    show_progress(call, plugins.open_push(call.client, name.with_tag, auth=auth_header(call, name)))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN[:TAG]",
    "Send a plugin to a registry",
    (Flag("disable-content-trust", "", BOOL, "Accepted for docker's sake", True),),
    least=1,
    most=1,
)
