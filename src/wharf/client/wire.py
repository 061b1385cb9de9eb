"""Reading JSON, and query strings, without what the json and urllib packages cost to import."""

from wharf import jsontext
from wharf.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Query = Mapping[str, str | int | bool | list[str] | None]

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, 2.3


def decode_json(text: "str | bytes") -> "Any":
    """The value of a JSON text. Raises EngineError when it is none."""
    try:
        return jsontext.decode_json(text)
    except ValueError as error:
        raise EngineError(f"the server's answer is not JSON: {error}") from None


def quote(text: str, safe: bytes = b"") -> str:
    """`text` with everything that is not unreserved in RFC 3986, or in `safe`, as %XX."""
    keep = UNRESERVED.union(safe) if safe else UNRESERVED
    return "".join(chr(byte) if byte in keep else f"%{byte:02X}" for byte in text.encode())


def encode_query(query: "Query") -> str:
    """`?a=1&b=2`; true is 1; None and false are left out; a list repeats its name."""
    parts = []
    for name, value in query.items():
        if value is None or value is False:
            continue
        for item in value if isinstance(value, list) else [value]:
            parts.append(f"{quote(name)}={1 if item is True else quote(str(item))}")
    return "?" + "&".join(parts) if parts else ""
