"""The query of a request, with Docker's ideas of what is true and what is a number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus

from wharf.api.timestamps import parse_timestamp, to_datetime
from wharf.apitypes.filters import parse_filters
from wharf.errors import InvalidArgument
from wharf.spec.booleans import parse_bool

#: All that is not true; anything else is (dockerd's BoolValue).
_FALSE: Final = frozenset({"", "0", "no", "false", "none"})


@dataclass(frozen=True, slots=True)
class Query:
    """Names and their values; the single-value methods take the first."""

    values: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Query":
        """Read `a=1&b=2`. Raises InvalidArgument for a broken percent escape."""
        values: dict[str, list[str]] = {}
        for pair in text.split("&") if text else ():
            if not pair:
                continue
            name, _, value = pair.partition("=")
            values.setdefault(_unescape(name), []).append(_unescape(value))
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str, default: str = "") -> str:
        found = self.values.get(name)
        return found[0] if found else default

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def flag(self, name: str, default: bool = False) -> bool:
        """`default` is for a name that is absent; one without a value is false."""
        found = self.values.get(name)
        return found[0].strip().lower() not in _FALSE if found else default

    def strict_flag(self, name: str) -> bool:
        """False when absent or empty. Raises InvalidArgument for what Go takes for neither true nor false."""
        text = self.text(name)
        try:
            return bool(text) and parse_bool(text)
        except ValueError as error:
            raise InvalidArgument(f"invalid value for {name}: {text}: {error}") from None

    def number(self, name: str) -> int | None:
        """None when absent or empty. Raises InvalidArgument."""
        text = self.text(name)
        return parse_int(text) if text else None

    def terminal_size(self) -> tuple[int, int]:
        """Height and width of a resize. Raises InvalidArgument in dockerd's words."""
        return self._dimension("h", "height"), self._dimension("w", "width")

    def _dimension(self, name: str, what: str) -> int:
        text = self.text(name)
        if not (text.isascii() and text.isdigit()):
            raise InvalidArgument(f'invalid resize {what} "{text}": invalid syntax')
        if int(text[:12]) >= 1 << 16:
            raise InvalidArgument(f'invalid resize {what} "{text}": value out of range')
        return int(text)

    def time_ns(self, name: str) -> int | None:
        """Nanoseconds since 1970; None when absent, empty or 0. Raises InvalidArgument."""
        text = self.text(name)
        return parse_timestamp(text) if text and text != "0" else None

    def time(self, name: str) -> datetime | None:
        nanoseconds = self.time_ns(name)
        return None if nanoseconds is None else to_datetime(nanoseconds)

    def filters(self) -> dict[str, list[str]]:
        """The parameter `filters`. Raises InvalidArgument."""
        return parse_filters(self.text("filters"))


def parse_int(text: str) -> int:
    """A decimal number as Go's strconv.Atoi reads it. Raises InvalidArgument with Go's words."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit():
        raise InvalidArgument(f'strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text) if len(text) < 24 else 1 << 64
    if not -(1 << 63) <= number < 1 << 63:
        raise InvalidArgument(f'strconv.Atoi: parsing "{text}": value out of range')
    return number


def _unescape(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    at = text.find("%")
    while at >= 0:
        digits = text[at + 1 : at + 3]
        if len(digits) < 2 or digits.strip("0123456789abcdefABCDEF"):
            raise InvalidArgument(f'invalid URL escape "{text[at : at + 3]}"')
        at = text.find("%", at + 3)
    return unquote_plus(text, errors="replace")
