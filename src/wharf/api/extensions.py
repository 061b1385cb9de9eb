"""What we offer beyond Docker, for clients that do not know it: annotations `wharf.<name>=value` of a create request.

Each becomes the member of the request that our own clients send, here at the door; nothing further in knows of them.
A new extension is a row of EXTENSIONS and a line in docs/guide/extensions.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wharf.apitypes.containers import HostConfig
from wharf.errors import InvalidArgument

PREFIX: Final = "wharf."


def text(value: str) -> str:
    """As it is: the engine checks it as it does when it comes in the member."""
    return value


def targets(value: str) -> dict[str, str]:
    """`/target[=value]`, several with commas between them. Raises ValueError."""
    found = {}
    for part in value.split(","):
        target, _, given = part.partition("=")
        if not target.startswith("/") or target in found:
            raise ValueError("expected mount points, each once: /target[=value]")
        found[target] = given
    return found


@dataclass(frozen=True, slots=True)
class Extension:
    """The member that an annotation stands for: its field, and how the text is read (ValueError says why not)."""

    field: str
    read: Callable[[str], Any] = text


#: By the annotation's name without `wharf.`, in kebab case: the flag of `wharf run` is called so, too.
EXTENSIONS: Final[Mapping[str, Extension]] = {
    "umask": Extension("umask"),
    "health-on-failure": Extension("health_on_failure"),
    "firewall": Extension("firewall"),
    "idmap": Extension("idmaps", targets),
    "userns": Extension("userns_mode"),
}


def translated(host: HostConfig) -> HostConfig:
    """The request with annotations of ours as members, and without them as annotations. Raises InvalidArgument."""
    ours = [name for name in host.annotations if name.startswith(PREFIX)]
    if not ours:
        return host
    found = {}
    for name in ours:
        extension = _known(name)
        value = _value(extension, name, host.annotations[name])
        if getattr(host, extension.field) not in (msgspec.UNSET, "", value):
            raise InvalidArgument(f"conflicting options: annotation {name} and {_wire_name(extension)}")
        found[extension.field] = value
    rest = {name: value for name, value in host.annotations.items() if name not in ours}
    return msgspec.structs.replace(host, annotations=rest, **found)


def _known(name: str) -> Extension:
    try:
        return EXTENSIONS[name.removeprefix(PREFIX)]
    except KeyError:
        known = ", ".join(PREFIX + one for one in sorted(EXTENSIONS))
        raise InvalidArgument(f"unknown annotation {name}: this engine knows {known}") from None


def _value(extension: Extension, name: str, value: str) -> Any:
    try:
        return extension.read(value)
    except ValueError as error:
        raise InvalidArgument(f'invalid annotation {name}="{value}": {error}') from None


def _wire_name(extension: Extension) -> str:
    return next(one.encode_name for one in msgspec.structs.fields(HostConfig) if one.name == extension.field)
