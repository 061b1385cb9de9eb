"""Values of options as Go reads them, with its words for what they are not. Pure; each raises InvalidArgument."""

import re
from typing import Final

from wharf.errors import InvalidArgument
from wharf.spec.booleans import parse_bool

_DURATION: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def read_bool(text: str) -> bool:
    try:
        return parse_bool(text)
    except ValueError as error:
        raise InvalidArgument(str(error)) from None


def read_int(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise InvalidArgument(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def read_unsigned(text: str, *, most: int = 2**32 - 1) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise InvalidArgument(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    if int(text) > most:
        raise InvalidArgument(f'strconv.ParseUint: parsing "{text}": value out of range')
    return int(text)


def read_duration(text: str) -> float:
    """Seconds of `1m30s`."""
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    if re.fullmatch(r"\d+\.?\d*", rest):
        raise InvalidArgument(f'time: missing unit in duration "{text}"')
    if not rest or _DURATION.sub("", rest):
        raise InvalidArgument(f'time: invalid duration "{text}"')
    return sign * sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(rest))
