"""What all forms of `inspect` share: many names, one JSON list or a template, errors at the end."""

from wharf.cli.flags import STRING, Flag
from wharf.cli.output import err, out
from wharf.client.wire import decode_json
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wharf.cli.command import Call

INSPECT_FORMAT = Flag("format", "f", STRING, "'json', or a Go template")
INDENT = "    "


def inspect_all(call: "Call", fetch: "Callable[[str], str]") -> int:
    """Show the JSON text that `fetch` gives for each argument. The exit code."""
    format = call.options["format"]
    show = _template(format) if format not in ("", "json") else None
    texts, shown, errors = [], [], []
    for name in call.arguments:
        try:
            text = fetch(name)
        except EngineError as error:
            errors.append(str(error))
            continue
        texts.append(text.strip())
        if show is not None:
            try:
                shown.append(show(text))
            except EngineError as error:
                errors.append(str(error))
    if show is not None:
        out("".join(shown) or "\n")
    elif format == "json":
        out(f"[{','.join(texts)}]\n")
    else:
        out(indent(f"[{','.join(texts)}]") + "\n")
    err("".join(f"{error}\n" for error in errors))
    return 1 if errors else 0


def _template(format: str) -> "Callable[[str], str]":
    from wharf.cli.template.objects import Template

    template = Template(format)
    return lambda text: template.render(decode_json(text)) + "\n"


def indent(text: str) -> str:
    """JSON on many lines, indented by four, every value as it was written."""
    parts: list[str] = []
    depth = 0
    at = 0
    text = text.strip()
    while at < len(text):
        letter = text[at]
        if letter == '"':
            end = at + 1
            while text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            parts.append(text[at : end + 1])
            at = end + 1
            continue
        at += 1
        if letter in "{[":
            close = _skip_blanks(text, at)
            if text[close] in "}]":
                parts.append(letter + text[close])
                at = close + 1
                continue
            depth += 1
            parts.append(f"{letter}\n{INDENT * depth}")
        elif letter in "}]":
            depth -= 1
            parts.append(f"\n{INDENT * depth}{letter}")
        elif letter == ",":
            parts.append(f",\n{INDENT * depth}")
        elif letter == ":":
            parts.append(": ")
        elif letter not in " \t\r\n":
            parts.append(letter)
    return "".join(parts)


def _skip_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
