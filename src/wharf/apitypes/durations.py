"""Lengths of time as Go and Docker write them. Pure, and small: the command line loads this at once."""

_MINUTE, _HOUR = 60, 3600
NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": _MINUTE * 10**9,
    "h": _HOUR * 10**9,
}


def human(seconds: float) -> str:
    """`About a minute`, `3 hours`: go-units' HumanDuration, as Docker prints it."""
    if seconds < 1:
        return "Less than a second"
    if seconds < 2:
        return "1 second"
    if seconds < _MINUTE:
        return f"{int(seconds)} seconds"
    if seconds < 2 * _MINUTE:
        return "About a minute"
    if seconds < _HOUR:
        return f"{int(seconds / _MINUTE)} minutes"
    hours = int(seconds / _HOUR + 0.5)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / _HOUR) // 24 // 365} years"


def parse(text: str) -> int:
    """Nanoseconds of a duration in Go's notation, such as `1m30s` or `1.5h`. Raises ValueError in Go's words."""
    rest = text.removeprefix("-").removeprefix("+")
    if rest == "0":
        return 0
    total = 0.0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    while rest:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(digits) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµμmsh"))]
        rest = rest[len(unit) :]
        if not digits.replace(".", "", 1).isdigit():
            raise ValueError(f'time: invalid duration "{text}"')
        if not unit and not rest:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in NANOSECONDS:
            raise ValueError(f'time: unknown unit "{unit or rest}" in duration "{text}"')
        total += float(digits) * NANOSECONDS[unit]
    return int(-total if text.startswith("-") else total)


def write(seconds: float) -> str:
    """As Go writes it: `1.5s`, `2m0s`, `200ms`."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, _MINUTE)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:g}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
