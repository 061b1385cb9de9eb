"""`wharf plugin push`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.image.pull import CONTENT_TRUST, auth_header
from wharf.cli.commands.plugin.fetching import tagged
from wharf.cli.render.progress import follow
from wharf.client import plugins


def run(call: Call) -> int:
    name = tagged(call.arguments[0])
    follow(call, plugins.open_push(call.client, name.with_tag, auth=auth_header(call, name)))
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN[:TAG]",
    "Send a plugin to a registry",
    (CONTENT_TRUST,),
    least=1,
    most=1,
)
