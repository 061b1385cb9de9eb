"""The versions of the API that we speak. All have the major number 1; the code passes only the minor one."""

from typing import Final

from wharf.errors import InvalidArgument

LATEST: Final = 54
OLDEST: Final = 24


def parse_version(text: str) -> int:
    """The minor number in `1.41`. Raises InvalidArgument, with dockerd's words, for what we do not speak."""
    parts = [int(part or 0) for part in text.split(".")] + [0, 0]
    version = (min(parts[0], 10**6), min(parts[1], 10**6))
    if version < (1, OLDEST):
        raise InvalidArgument(
            f"client version {text} is too old. Minimum supported API version is 1.{OLDEST}, "
            "please upgrade your client to a newer version"
        )
    if version > (1, LATEST):
        raise InvalidArgument(f"client version {text} is too new. Maximum supported API version is 1.{LATEST}")
    return version[1]
