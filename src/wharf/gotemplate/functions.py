"""The functions of templates, and how values look and compare in Go."""

from wharf.jsontext import encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class NoValue:
    """What is not there: shown as Go shows a missing map entry."""


NO_VALUE = NoValue()


class Null(list["Any"]):
    """JSON's null where Go has an empty list or map: `shown` is how that prints."""

    def __init__(self, shown: str) -> None:
        super().__init__()
        self.shown = shown


def is_true(value: "Any") -> bool:
    return bool(value) and value is not NO_VALUE


def show(value: "Any") -> str:
    """As Go's %v."""
    if value is NO_VALUE:
        return "<no value>"
    if isinstance(value, Null):
        return value.shown
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{show(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(show, value)) + "]"
    return str(value)


def to_json(value: "Any") -> str:
    if isinstance(value, Null) or value is NO_VALUE:
        return "null"
    own = getattr(value, "as_json", None)
    return encode_json(value) if own is None else str(own())


def _index(value: "Any", *keys: "Any") -> "Any":
    for key in keys:
        if value is None or isinstance(value, NoValue | Null):
            raise ValueError("index of untyped nil")
        if isinstance(value, dict):
            value = value[key] if key in value else _zero_of(value)
            continue
        if not isinstance(key, int):
            raise ValueError(f"cannot index slice/array with type {_type_name(key)}")
        if not 0 <= key < len(value):
            raise ValueError(f"error calling index: index out of range: {key}")
        value = ord(value[key]) if isinstance(value, str) else value[key]
    return value


def _zero_of(values: "dict[str, Any]") -> "Any":
    """What Go gives for a missing entry of a map with such values."""
    for value in values.values():
        return "" if isinstance(value, str) else Null("[]") if isinstance(value, list) else None
    return ""


def _type_name(value: "Any") -> str:
    names = {bool: "bool", int: "int", float: "float64", str: "string"}
    return names.get(type(value), "map" if isinstance(value, dict) else "slice")


def _equal(first: "Any", *others: "Any") -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        simple = isinstance(first, str | int | float) and isinstance(other, str | int | float)
        if simple and isinstance(first, str) != isinstance(other, str):
            raise ValueError("incompatible types for comparison")
        if first == other:
            return True
    return False


def _compare(first: "Any", second: "Any") -> int:
    if isinstance(first, str) != isinstance(second, str):
        raise ValueError("incompatible types for comparison")
    return int(first > second) - int(first < second)


def _truncate(text: str, width: int) -> str:
    return text if len(text) <= width else text[:width]


def _title(text: str) -> str:
    return "".join(
        letter.upper() if not (at and (text[at - 1].isalnum() or text[at - 1] in "_'")) else letter
        for at, letter in enumerate(text)
    )


def _print(*values: "Any") -> str:
    """Blanks only between two values that are no strings, as Go's Sprint."""
    parts = []
    before: Any = ""
    for value in values:
        parts.append(show(value) if isinstance(before, str) or isinstance(value, str) else f" {show(value)}")
        before = value
    return "".join(parts)


def _printf(form: str, *values: "Any") -> str:
    from wharf.gotemplate.printf import printf

    return printf(form, *values)


def _join(values: "Any", separator: str) -> str:
    if not isinstance(values, list):
        raise ValueError(f"wrong type for value; expected []string; got {_type_name(values)}")
    return separator.join(map(show, values))


def _slice(value: "Any", first: int = 0, last: "int | None" = None) -> "Any":
    end = len(value) if last is None else last
    if not 0 <= first <= end <= len(value):
        raise ValueError(f"index out of range: {end}")
    return value[first:end]


def _html(*values: "Any") -> str:
    text = _print(*values)
    for letter, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        text = text.replace(letter, name)
    return text


_PLAIN_IN_QUERIES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")


def _urlquery(*values: "Any") -> str:
    text = _print(*values).encode()
    return "".join(chr(byte) if byte in _PLAIN_IN_QUERIES else "+" if byte == 0x20 else f"%{byte:02X}" for byte in text)


def _length(value: "Any") -> int:
    if not isinstance(value, str | list | dict):
        raise ValueError(f"len of type {_type_name(value)}")
    return len(value.encode()) if isinstance(value, str) else len(value)


# `and` and `or` are missing here: they evaluate no more than they need, so the evaluator has them.
FUNCTIONS: "dict[str, Callable[..., Any]]" = {
    "json": to_json,
    "split": lambda text, separator: text.split(separator) if separator else list(text),
    "join": _join,
    "title": _title,
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": lambda text, before, after: " " * before + text + " " * after if text else text,
    "truncate": _truncate,
    "index": _index,
    "slice": _slice,
    "len": _length,
    "not": lambda value: not is_true(value),
    "eq": _equal,
    "ne": lambda first, second: not _equal(first, second),
    "lt": lambda first, second: _compare(first, second) < 0,
    "le": lambda first, second: _compare(first, second) <= 0,
    "gt": lambda first, second: _compare(first, second) > 0,
    "ge": lambda first, second: _compare(first, second) >= 0,
    "print": _print,
    "println": lambda *values: " ".join(map(show, values)) + "\n",
    "printf": _printf,
    "html": _html,
    "js": lambda *values: to_json(_print(*values))[1:-1].replace("'", "\\'"),
    "urlquery": _urlquery,
}
LAZY = frozenset(("and", "or"))
# In the header of a table, functions leave the column's name as it is.
HEADER_FUNCTIONS: "dict[str, Callable[..., Any]]" = {
    **FUNCTIONS,
    **dict.fromkeys(("json", "title", "lower", "upper"), lambda value: value),
    "truncate": lambda value, width: value,
    "join": lambda value, separator: value,
    "split": lambda value, separator: value,
}
