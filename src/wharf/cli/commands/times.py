"""Times as --since and --until take them."""

from wharf.apitypes import durations
from wharf.errors import InvalidArgument

FORMS = (
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M%z",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d%z",
    "%Y-%m-%d",
    "%Y-%m-%dT%H%z",
    "%Y-%m-%dT%H",
)


def read_moment(text: str, what: str) -> str:
    """Unix seconds with nanoseconds, as the API wants them; "" stays "".

    Raises InvalidArgument, which names `what` unless it is empty.
    A duration is so long before now, a number is Unix seconds already, anything else a date of RFC 3339, of which
    the end may be missing; without a zone it is ours.
    """
    if not text:
        return ""
    number, _, fraction = text.partition(".")
    if number.removeprefix("-").isdigit() and (fraction.isdigit() or not fraction):
        return text
    import time

    try:
        # Whole seconds, as docker has them: two commands within a second see the same.
        return str((time.time_ns() - durations.parse(text)) // 10**9)
    except ValueError:
        return _read_date(text, what)


def _read_date(text: str, what: str) -> str:
    from datetime import datetime

    # Python reads six digits of a second; Go's times have up to nine.
    head, point, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    plain = head + rest[len(digits) :] if point else text
    for form in FORMS:
        try:
            moment = datetime.strptime(plain, form).astimezone()
        except ValueError:
            continue
        return f"{int(moment.timestamp())}.{digits or '0':0<9}"
    where = f'invalid value for "{what}": ' if what else ""
    raise InvalidArgument(f'{where}failed to parse value as time or duration: "{text}"')
