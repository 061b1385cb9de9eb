"""Times in queries: `since`, `until`."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from wharf.errors import InvalidArgument

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(\.\d+)?)?(Z|z|[+-]\d\d:\d\d)?",
)


def parse_timestamp(text: str) -> datetime:
    """Unix seconds (`1700000000`, `1700000000.123456789`) or RFC 3339 in UTC; nanoseconds are cut to microseconds.

    Raises InvalidArgument.
    """
    if re.fullmatch(r"-?\d{1,12}(\.\d*)?", text):
        microseconds = int(Decimal(text.rstrip(".")) * 1_000_000)
        try:
            return _EPOCH + timedelta(microseconds=microseconds)
        except OverflowError:
            raise InvalidArgument(f'invalid value for time: "{text}"') from None
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidArgument(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    date, minutes, seconds, fraction, zone = match.groups()
    iso = f"{date}T{minutes or '00:00'}{seconds or ':00'}{(fraction or '.0')[:7]:0<7}{(zone or 'Z').upper()}"
    try:
        return datetime.fromisoformat(iso).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(f'parsing time "{text}": out of range') from None
