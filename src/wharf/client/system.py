"""Section System of the API."""

from wharf.client.containers import encode_filters
from wharf.client.wire import decode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wharf.client.client import Client
    from wharf.client.connection import Answer
    from wharf.client.containers import Filters


def version(client: "Client") -> "dict[str, Any]":
    found: dict[str, Any] = client.get("/version")
    return found


def info(client: "Client") -> "dict[str, Any]":
    found: dict[str, Any] = client.get("/info")
    return found


def disk_usage(client: "Client") -> "dict[str, Any]":
    """In the form before API 1.52, which engines of all ages know and which has the details."""
    found: dict[str, Any] = decode_json(client.get_text("/system/df", newest="1.51"))
    return found


def open_events(client: "Client", *, since: str = "", until: str = "", filters: "Filters | None" = None) -> "Answer":
    """One JSON object a line, for as long as the server or `until` allows."""
    query = {"since": since or None, "until": until or None, "filters": encode_filters(filters or {})}
    return client.call("GET", "/events", query)


def authenticate(client: "Client", auth: "dict[str, Any]") -> "dict[str, Any]":
    """POST /auth: returns {Status, IdentityToken}; a wrong password is Refused with 401."""
    found: dict[str, Any] = client.post("/auth", None, auth)
    return found
