"""`wharf plugin upgrade`."""

from wharf.cli.command import Call, Command
from wharf.cli.commands.asking import agreed
from wharf.cli.commands.image.pull import CONTENT_TRUST
from wharf.cli.commands.plugin.fetching import GRANT_ALL, Source, granted
from wharf.cli.flags import BOOL, Flag
from wharf.cli.output import out
from wharf.cli.render.progress import follow
from wharf.client import plugins
from wharf.client.names import parse_name
from wharf.errors import Conflict, EngineError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(call: Call) -> int:
    found = _inspect(call, call.arguments[0])
    if found["Enabled"]:
        raise Conflict("the plugin must be disabled before upgrading")
    name, current = found["Name"], found["PluginReference"]
    text = call.arguments[1] if len(call.arguments) > 1 else current
    try:
        wanted = parse_name(text).with_tag
    except InvalidArgument as error:
        raise InvalidArgument(f"error parsing remote upgrade image reference: {error}") from None
    old = parse_name(current).with_tag
    out(f"Upgrading plugin {name} from {old} to {wanted}\n")
    differs = wanted != old and not call.options["skip-remote-check"]
    if differs and not agreed("Plugin images do not match, are you sure?"):
        return 0
    source = Source(call, text)
    privileges = granted(call, source)
    follow(call, plugins.open_upgrade(call.client, name, source.remote, privileges, auth=source.auth))
    out(f"Upgraded plugin {name} to {text}\n")
    return 0


def _inspect(call: Call, name: str) -> "dict[str, Any]":
    try:
        return plugins.inspect(call.client, name)
    except EngineError as error:
        raise EngineError(f"error reading plugin data: {error}") from None


COMMAND = Command(
    run,
    "[OPTIONS] PLUGIN [REMOTE]",
    "Replace a plugin by a newer one from a registry",
    (
        CONTENT_TRUST,
        GRANT_ALL,
        Flag("skip-remote-check", "", BOOL, "Do not ask whether to change over to another plugin"),
    ),
    least=1,
    most=2,
)
