"""The sizes of terminals, as requests name them. Pure."""

from collections.abc import Sequence
from typing import Final

from wharf.errors import InvalidArgument

_TOO_LARGE: Final = 1 << 16  # the kernel's numbers are of 16 bits


def console_size(size: Sequence[int]) -> tuple[int, int]:
    """Height and width of a request; (0, 0) when it names none. Raises InvalidArgument for what is no size."""
    if not all(0 <= number < _TOO_LARGE for number in size):
        raise InvalidArgument(f"invalid console size: {list(size)}")
    return (size[0], size[1]) if len(size) == 2 else (0, 0)
