"""Which names and options a local volume may have. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from wharf.errors import InvalidArgument
from wharf.spec.sizes import parse_size

_ALLOWED: Final = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
_NAME: Final = re.compile(rf"{_ALLOWED}+")
_LONGEST: Final = 255  # bytes of a directory's name
_KNOWN_OPTIONS: Final = frozenset({"device", "o", "size", "type"})


def check_name(name: str) -> None:
    """Raises InvalidArgument."""
    if len(name.encode()) == 1:
        raise InvalidArgument("volume name is too short, names should be at least two alphanumeric characters")
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f'"{name}" includes invalid characters for a local volume name, only "{_ALLOWED}" are allowed. '
            "If you intended to pass a host directory, use absolute path"
        )
    if len(name) > _LONGEST:
        raise InvalidArgument(f"volume name is too long, names should be at most {_LONGEST} characters")


def check_options(options: Mapping[str, str]) -> None:
    """Raises InvalidArgument in dockerd's words."""
    if "size" in options:
        parse_size(options["size"])
    for option in options:
        if option not in _KNOWN_OPTIONS:
            raise InvalidArgument(f'invalid option: "{option}"')
    for required in ("device", "type"):
        if any(option in options for option in ("device", "type", "o")) and required not in options:
            raise InvalidArgument(f'missing required option: "{required}"')
