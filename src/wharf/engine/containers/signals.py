"""Signal names as Docker takes them. Pure."""

import signal
from typing import Final

from wharf.errors import InvalidArgument

_BY_NAME: Final = {name.removeprefix("SIG"): int(number) for name, number in signal.Signals.__members__.items()}


def parse(text: str) -> int:
    """The number of `TERM`, `SIGTERM`, `15` or `RTMIN+3`. Raises InvalidArgument in dockerd's words."""
    if text.isdecimal():
        number = int(text)
        if 0 < number < 65:
            return number
        raise InvalidArgument(f"Invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    base, plus, offset = name.partition("+")
    if plus and base == "RTMIN" and offset.isdecimal() and int(offset) <= 30:
        return _BY_NAME["RTMIN"] + int(offset)
    base, minus, offset = name.partition("-")
    if minus and base == "RTMAX" and offset.isdecimal() and int(offset) <= 30:
        return _BY_NAME["RTMAX"] - int(offset)
    try:
        return _BY_NAME[name]
    except KeyError:
        raise InvalidArgument(f"Invalid signal: {text}") from None
