"""`wharf inspect`: any object by name."""

from wharf.cli.command import MANY, Call, Command
from wharf.cli.commands.inspecting import INSPECT_FORMAT, inspect_all
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.client import plugins
from wharf.client.client import NEWEST, NEWEST_SHOWN
from wharf.client.errors import Refused
from wharf.client.images import path_of
from wharf.client.wire import quote
from wharf.errors import InvalidArgument, NotFound

NOT_HERE = (404, 501, 503)  # of kinds that this daemon does not have


def _path(kind: str, name: str) -> str:
    if kind == "image":
        return f"{path_of(name)}/json"
    if kind == "container":
        return f"/containers/{quote(name)}/json"
    if kind == "plugin":
        return f"{plugins.path_of(name)}/json"
    return f"/{kind}s/{quote(name)}"


# In docker's order: the first kind that knows the name wins.
KINDS = ("container", "image", "network", "volume", "service", "task", "node", "plugin", "secret", "config")


def run(call: Call) -> int:
    kind, size = call.options["type"], call.options["size"]
    if kind and kind not in KINDS:
        known = ", ".join(f'"{name}"' for name in sorted(KINDS))
        raise InvalidArgument(f'unknown type: "{kind}": must be one of {known}')

    def fetch(name: str) -> str:
        for candidate in [kind] if kind else KINDS:
            query = {"size": size} if candidate == "container" else {}
            newest = NEWEST if candidate == "network" else NEWEST_SHOWN
            try:
                return call.client.get_text(_path(candidate, name), query, newest=newest)
            except Refused as error:
                if kind or error.status not in NOT_HERE:
                    raise
        raise NotFound(f"Error: No such object: {name}")

    return inspect_all(call, fetch)


COMMAND = Command(
    run,
    "[OPTIONS] NAME|ID [NAME|ID...]",
    "Show all that is known of any object, as JSON",
    (
        INSPECT_FORMAT,
        Flag("size", "s", BOOL, "Show what it takes on disk, if it is a container"),
        Flag("type", "", STRING, "Look only for objects of this kind"),
    ),
    least=1,
    most=MANY,
)
