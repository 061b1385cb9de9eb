"""Values to the JSON of an answer, in the form of the API version that the client speaks."""

from typing import Any, Final

import msgspec

from wharf.api.compat import shaped
from wharf.api.messages import Response

to_json: Final = msgspec.json.Encoder().encode


def json_response(value: Any, status: int = 200) -> Response:
    """An answer whose form is the same in all versions. Ends with a line feed, as dockerd's."""
    return Response(status, to_json(value) + b"\n")


def versioned(value: Any, version: int, status: int = 200) -> Response:
    """An answer in the form that API 1.`version` gives to values of its type."""
    return json_response(shaped(value, version), status)


def json_line(value: Any) -> bytes:
    """A line of a progress stream."""
    return to_json(value) + b"\r\n"
