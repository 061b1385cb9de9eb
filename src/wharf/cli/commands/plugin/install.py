"""`wharf plugin install`."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.image.pull import CONTENT_TRUST
from wharf.cli.commands.plugin.fetching import GRANT_ALL, Source, granted, tagged
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import out
from wharf.cli.render.progress import follow
from wharf.client import plugins

NAME_HEADER = "docker-plugin-name"


def run(call: Call) -> int:
    options = call.options
    text, *settings = call.arguments
    alias = tagged(options["alias"]).with_tag if options["alias"] else ""
    source = Source(call, text)
    privileges = granted(call, source)
    answer = plugins.open_pull(call.client, source.remote, alias, privileges, auth=source.auth)
    follow(call, answer)
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
