"""What `install` and `upgrade` share: a plugin comes from a registry once its user has granted what it wants."""

from wharf.cli.commands.asking import agreed
from wharf.cli.commands.image.pull import auth_header, full_name
from wharf.cli.flags import BOOL, Flag
from wharf.cli.output import out
from wharf.client import plugins
from wharf.client.names import parse_name
from wharf.errors import InvalidArgument, PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wharf.cli.command import Call
    from wharf.client.names import ImageName
    from wharf.client.plugins import Privileges

GRANT_ALL = Flag("grant-all-permissions", "", BOOL, "Allow the plugin all that it wants, without a question")


class Source:
    """A plugin at a registry: what the daemon is to be asked for, and with which password."""

    __slots__ = ("auth", "remote", "text")

    def __init__(self, call: "Call", text: str) -> None:
        name = parse_name(text)
        self.text = text
        self.remote = _whole(name)
        self.auth = auth_header(call, name)


def tagged(text: str) -> "ImageName":
    """A name that says no digest. Raises InvalidArgument."""
    name = parse_name(text)
    if name.digest:
        raise InvalidArgument(f"invalid name: {text}")
    return name


def _whole(name: "ImageName") -> str:
    """With its registry; a tag only where the user gave one."""
    shown = full_name(name)
    return shown if name.tag or name.digest else shown.removesuffix(":latest")


def granted(call: "Call", source: Source) -> "Privileges":
    """What the plugin wants to be allowed. Raises PermissionDenied where the user does not agree."""
    wanted = plugins.privileges(call.client, source.remote, auth=source.auth)
    if wanted and not call.options["grant-all-permissions"]:
        out(f'Plugin "{source.text}" is requesting the following privileges:\n')
        out("".join(f" - {plain(one['Name'])}: [{plain(' '.join(one['Value'] or []))}]\n" for one in wanted))
        if not agreed("Do you grant the above permissions?"):
            raise PermissionDenied(f"permission denied while installing plugin {source.remote}")
    return wanted


def plain(text: str) -> str:
    """Without what a terminal obeys: a plugin must not hide what it wants."""
    return "".join(one if one.isprintable() else f"\\u{{{ord(one):x}}}" for one in text)
