"""Signal names as Docker takes them. Pure."""

import re
import signal
from typing import Final

from wharf.errors import InvalidArgument

_FIRST, _LAST = int(signal.SIGRTMIN), int(signal.SIGRTMAX)
_BY_NAME: Final = {
    **{name.removeprefix("SIG"): int(number) for name, number in signal.Signals.__members__.items()},
    **{f"RTMIN+{n}": _FIRST + n for n in range(1, 16)},
    **{f"RTMAX-{n}": _LAST - n for n in range(1, 15)},
}
#: 32 and 33 are the C library's own.
_NUMBERS: Final = frozenset(_BY_NAME.values())


def parse(text: str) -> int:
    """The number of `TERM`, `SIGTERM`, `15` or `RTMIN+3`. Raises InvalidArgument in dockerd's words."""
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text) and (number := int(text)):
        if number in _NUMBERS:
            return number
        raise InvalidArgument(f"the linux daemon does not support signal {number}")
    try:
        return _BY_NAME[text.upper().removeprefix("SIG")]
    except KeyError:
        raise InvalidArgument(f"invalid signal: {text}") from None
