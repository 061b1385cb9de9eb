"""The `filters` parameter of lists and prunes: JSON, in the form of today or of API 1.21 and before. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from wharf.apitypes import durations
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


def name_matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns, which are regular expressions, is in the name. What is none is taken as it is."""
    return any(_is_in(name, pattern) for pattern in patterns)


def _is_in(name: str, pattern: str) -> bool:
    try:
        return bool(re.search(pattern, name))
    except re.error:
        return pattern in name


def until(filters: Mapping[str, Sequence[str]], now: datetime) -> datetime | None:
    """The time that the filter `until` of a prune names; None without it. Raises InvalidArgument."""
    values = filters.get("until", ())
    if len(values) > 1:
        raise InvalidArgument("more than one until filter specified")
    return parse_moment(values[0], now) if values else None


def parse_moment(text: str, now: datetime) -> datetime:
    """A time as Docker's filters take it: Unix seconds, RFC 3339, a date, or a duration such as `1h30m` before now.

    Without a zone it is local time. Raises InvalidArgument for anything else.
    """
    try:
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        if text[:1].isdigit() and text[-1:] in "smh":
            return now - timedelta(microseconds=durations.parse(text) / 1000)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidArgument(f'failed to parse value as time or duration: "{text}"') from None
    return moment if moment.tzinfo else moment.astimezone()
