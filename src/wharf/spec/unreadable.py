"""What reading JSON from outside can raise."""

from typing import Final

import msgspec

#: What msgspec's decoder raises for bytes that are no JSON, no UTF-8, of another shape, or nested without end.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
