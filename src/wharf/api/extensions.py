"""What we offer beyond Docker, for clients that do not know it: annotations `wharf.<name>=value` of a create request.

Each becomes the member of the request that our own clients send, here at the door; nothing further in knows of them.
A new extension is a row of EXTENSIONS and a line in docs/guide/extensions.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from wharf.apitypes.containers import ContainerConfig, HostConfig
from wharf.errors import InvalidArgument

PREFIX: Final = "wharf."
_TRUE: Final = frozenset({"", "1", "t", "true"})
_FALSE: Final = frozenset({"0", "f", "false"})


def text(value: str) -> str:
    """As it is: the engine checks it as it does when it comes in the member."""
    return value


def flag(value: str) -> bool:
    """`true` or `false`; nothing at all is true, as with a flag of a command. Raises ValueError."""
    if value.lower() not in _TRUE | _FALSE:
        raise ValueError("expected true or false")
    return value.lower() in _TRUE


def number(value: str) -> int:
    """A decimal number. Raises ValueError."""
    if not value.removeprefix("-").isdecimal() or not value.isascii():
        raise ValueError("expected a whole number")
    return int(value)


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

    place: Literal["config", "host"]
    field: str
    read: Callable[[str], Any] = text


#: By the annotation's name without `wharf.`, in kebab case: the flag of `wharf run` is called so, too.
EXTENSIONS: Final[Mapping[str, Extension]] = {
    "umask": Extension("host", "umask"),
    "health-on-failure": Extension("host", "health_on_failure"),
    "firewall": Extension("host", "firewall"),
    "idmap": Extension("host", "idmaps", targets),
    "userns": Extension("host", "userns_mode"),
}


def translated(config: ContainerConfig, host: HostConfig) -> tuple[ContainerConfig, HostConfig]:
    """The request with annotations of ours as members, and without them as annotations. Raises InvalidArgument."""
    if not any(name.startswith(PREFIX) for name in host.annotations):
        return config, host
    found: dict[str, dict[str, Any]] = {"config": {}, "host": {}}
    given = {"config": config, "host": host}
    for name, value in host.annotations.items():
        if name.startswith(PREFIX):
            extension = _known(name)
            read = _value(extension, name, value)
            if getattr(given[extension.place], extension.field) not in (msgspec.UNSET, None, "", read):
                raise InvalidArgument(f"conflicting options: annotation {name} and {_wire_name(extension)}")
            found[extension.place][extension.field] = read
    rest = {name: value for name, value in host.annotations.items() if not name.startswith(PREFIX)}
    return (
        msgspec.structs.replace(config, **found["config"]),
        msgspec.structs.replace(host, annotations=rest, **found["host"]),
    )


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
    kind = ContainerConfig if extension.place == "config" else HostConfig
    return next(one.encode_name for one in msgspec.structs.fields(kind) if one.name == extension.field)
