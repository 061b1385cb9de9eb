"""The `filters` parameter of lists and prunes: JSON, in the form of today or of API 1.21 and before. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from wharf.errors import InvalidArgument


def parse_filters(text: str) -> dict[str, list[str]]:
    """`{"label":["a","b"]}` or `{"label":{"a":true,"b":true}}`; "" is none. Raises InvalidArgument."""
    if not text:
        return {}
    try:
        value = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise InvalidArgument("invalid filter") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidArgument("invalid filter")
    return {name: _values(asked) for name, asked in value.items()}


def _values(asked: object) -> list[str]:
    if isinstance(asked, dict):
        # In this form a value may be switched off again.
        asked = [name for name, on in asked.items() if on is True]
    if asked is None:
        return []
    if not isinstance(asked, list) or not all(isinstance(one, str) for one in asked):
        raise InvalidArgument("invalid filter")
    return asked


def format_filters(filters: Mapping[str, Sequence[str]]) -> str:
    """The text that parse_filters() reads back; "" for none."""
    return msgspec.json.encode({name: list(values) for name, values in filters.items()}).decode() if filters else ""
