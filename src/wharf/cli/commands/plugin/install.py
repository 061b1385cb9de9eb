"""`wharf plugin install`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.plugin.fetching import CONTENT_TRUST, GRANT_ALL, Source, granted, show_progress
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.client import plugins
from wharf.client.names import parse_name
from wharf.errors import InvalidArgument

NAME_HEADER = "docker-plugin-name"


def _alias(text: str) -> str:
    if not text:
        return ""
    name = parse_name(text)
    if name.digest:
        raise InvalidArgument(f"invalid name: {text}")
    return name.with_tag


def run(call: Call) -> int:
    options = call.options
    text, *settings = call.arguments
    alias = _alias(options["alias"])
    source = Source(call, text)
    privileges = granted(call, source)
    answer = plugins.open_pull(call.client, source.remote, alias, privileges, auth=source.auth)
    show_progress(call, answer)
    name = answer.headers.get(NAME_HEADER) or alias or source.remote
    if settings:
        plugins.set(call.client, name, settings)
    if not options["disable"]:
        plugins.enable(call.client, name)
    out(f"Installed plugin {text}\n")
    return 0


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN [KEY=VALUE...]",
    "Fetch a plugin from a registry, and start it",
    (
        Flag("alias", "", STRING, "What it is called here"),
        Flag("disable", "", BOOL, "Do not start it"),
        CONTENT_TRUST,
        GRANT_ALL,
    ),
    least=1,
    most=MANY,
)
