"""Templates over the API's JSON, as `inspect --format` has them."""

from wharf.cli.errors import Exit
from wharf.gotemplate.evaluate import Evaluation
from wharf.gotemplate.functions import FUNCTIONS, LAZY, NO_VALUE, Null
from wharf.gotemplate.lexer import BadTemplate
from wharf.gotemplate.parser import parse_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BAD_TEMPLATE = 64  # docker's exit code for a template that cannot be parsed
# Fields whose entries users name: what is missing there is empty, not an error.
MAPS = frozenset(
    "Labels Ports Networks Volumes ExposedPorts PortBindings Options DriverOpts Annotations Data Sysctls Tmpfs "
    "StorageOpt Attributes Containers Endpoints".split()
)
# Fields that are pointers in Go, so that their null prints as one.
POINTERS = frozenset(
    "OomKillDisable PidsLimit MemorySwappiness Init Health Healthcheck StopTimeout IPAMConfig Platform Descriptor "
    "ImageManifestDescriptor".split()
)
# Fields that the API leaves out when they are empty, though Go's types have them.
OMITTED = {
    "Annotations": Null("map[]"),
    "ArgsEscaped": False,
    "ExposedPorts": Null("map[]"),
    "Health": None,
    "Healthcheck": None,
    "Init": None,
    "MacAddress": "",
    "Mounts": Null("[]"),
    "NetworkDisabled": False,
    "Shell": Null("[]"),
    "SizeRootFs": None,
    "SizeRw": None,
    "StopSignal": "",
    "StopTimeout": None,
    "StorageOpt": Null("map[]"),
    "Sysctls": Null("map[]"),
    "Tmpfs": Null("map[]"),
}


def look(value: "Any", name: str, arguments: "list[Any]", last: bool) -> "Any":
    """A field by its JSON name, or by the name that Go's types give it (`.ID` for `Id`)."""
    if arguments:
        raise LookupError(f"{name} is not a method but has arguments")
    if isinstance(value, _UserMap):
        if name in value:
            return named(name, value[name])
        if last:
            return NO_VALUE
        raise LookupError(f'map has no entry for key "{name}"')
    if isinstance(value, dict):
        if name in value:
            return named(name, value[name])
        folded = name.lower()
        for key in value:
            if key.lower() == folded:
                return named(key, value[key])
        if name in OMITTED:
            return OMITTED[name]
        raise LookupError(f'map has no entry for key "{name}"')
    if value is None or value is NO_VALUE or isinstance(value, Null):
        raise LookupError(f"nil pointer evaluating interface {{}}.{name}")
    raise LookupError(f"can't evaluate field {name} in type interface {{}}")


class _UserMap(dict[str, "Any"]):
    """An object whose names are the user's, such as labels."""


def named(name: str, value: "Any") -> "Any":
    """`value` as Go would hold it in a field of that name."""
    if value is None:
        return None if name in POINTERS else Null("map[]" if name in MAPS else "[]")
    if name in MAPS and isinstance(value, dict):
        return _UserMap(value)
    return value


class Template:
    """A parsed --format. Raises Exit for one that cannot be parsed, with docker's code."""

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self._nodes = parse_template(text, FUNCTIONS.keys() | LAZY)
        except BadTemplate as error:
            raise Exit(BAD_TEMPLATE, f"template parsing error: {error}") from None

    def render(self, data: "Any") -> str:
        """Raises BadTemplate."""
        try:
            return Evaluation(self._text, look).run(self._nodes, data)
        except BadTemplate as error:
            raise BadTemplate(f"template parsing error: {error}") from None
