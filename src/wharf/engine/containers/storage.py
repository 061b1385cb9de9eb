"""--storage-opt: how much a container's writable layer may take. Pure."""

from collections.abc import Mapping

from wharf.errors import EngineError, InvalidArgument
from wharf.spec.sizes import parse_size


def size_asked(options: Mapping[str, str]) -> str:
    """The size that they ask for, as a text; "" for none. Raises EngineError, in dockerd's words, for other options."""
    found = ""
    for name, value in options.items():
        if name.lower() != "size":
            raise EngineError(f"Unknown option {name}")
        found = value
    return found


def bytes_of(text: str) -> int:
    """0 is no limit. Raises EngineError: what dockerd refuses late, it does not call the client's fault."""
    try:
        return parse_size(text)
    except InvalidArgument as error:
        raise EngineError(str(error)) from None
