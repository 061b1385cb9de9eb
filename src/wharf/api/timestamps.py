"""Times in queries (`since`, `until`) and in log lines."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from wharf.errors import InvalidArgument

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(\.\d+)?)?(Z|z|[+-]\d\d:\d\d)?",
)


def parse_timestamp(text: str) -> int:
    """Nanoseconds since 1970 in Unix seconds (`1700000000`, `1700000000.123456789`) or RFC 3339 (UTC unless it says).

    Raises InvalidArgument.
    """
    if re.fullmatch(r"-?\d{1,12}(\.\d*)?", text):
        return int(Decimal(text.rstrip(".")) * 1_000_000_000)
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidArgument(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    date, minutes, seconds, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{minutes or '00:00'}{seconds or ':00'}{(zone or 'Z').upper()}")
        whole = (moment - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):
        raise InvalidArgument(f'parsing time "{text}": out of range') from None
    return whole * 1_000_000_000 + int(f"{(fraction or '.')[1:10]:0<9}")


def to_datetime(nanoseconds: int) -> datetime:
    """In UTC, cut to microseconds; a time that no calendar has becomes the nearest one it has."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if nanoseconds > 0 else datetime.min.replace(tzinfo=UTC)


def with_all_nanoseconds(text: str) -> str:
    """`...:05.12Z` as `...:05.120000000Z`: log lines are aligned."""
    if not text.endswith("Z"):
        return text
    whole, _, fraction = text[:-1].partition(".")
    return f"{whole}.{fraction:0<9}Z"
