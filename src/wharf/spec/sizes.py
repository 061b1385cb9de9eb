"""Sizes as people write them: Docker's go-units, where all units are powers of 1024."""

import re
from typing import Final

from wharf.errors import InvalidArgument

_UNITS: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp])?(?:i?b)?", re.ASCII)
_LARGEST: Final = 2**63 - 1


def parse_size(text: str) -> int:
    """Bytes in a size such as `512m`, `1.5GiB` or `100`. Raises InvalidArgument."""
    match = _SIZE.fullmatch(text.lower())
    size = int(float(match[1]) * _UNITS[match[2] or ""]) if match else -1
    if not 0 <= size <= _LARGEST:
        raise InvalidArgument(f"invalid size: '{text}'")
    return size
