"""What a registry's error answers mean, in dockerd's words. No I/O."""

from typing import Any, Final

import msgspec

from wharf.errors import EngineError, NotFound, Unauthenticated
from wharf.spec.reference import Reference
from wharf.spec.unreadable import UNREADABLE

_WORDS: Final = {
    "BLOB_UNKNOWN": "blob unknown to registry",
    "DENIED": "denied",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "MANIFEST_INVALID": "manifest invalid",
    "NAME_INVALID": "invalid repository name",
    "NAME_UNKNOWN": "repository name not known to registry",
    "TOOMANYREQUESTS": "toomanyrequests",
    "UNAUTHORIZED": "unauthorized",
    "UNSUPPORTED": "unsupported",
}
_CODE_OF_STATUS: Final = {401: "UNAUTHORIZED", 403: "DENIED", 404: "MANIFEST_UNKNOWN", 429: "TOOMANYREQUESTS"}
_USUAL_MESSAGE: Final = {
    "UNAUTHORIZED": "authentication required",
    "DENIED": "requested access to the resource is denied",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "TOOMANYREQUESTS": "too many requests to the registry",
}


def parse_error(status: int, data: bytes) -> tuple[str, str]:
    """Code and text of an error answer; made up from the HTTP status where the body has none."""
    try:
        document: Any = msgspec.json.decode(data)
        first = document["errors"][0]
        code, message = str(first.get("code", "")).upper(), str(first.get("message") or "")
    except (*UNREADABLE, KeyError, IndexError, TypeError, AttributeError):
        code = message = ""
    code = code or _CODE_OF_STATUS.get(status, "")
    if not code:
        return "", f"received unexpected HTTP status: {status}"
    message = message or _USUAL_MESSAGE.get(code, "")
    return code, f"{_WORDS.get(code, code.lower())}: {message}".removesuffix(": ")


def pull_error(reference: Reference, status: int, data: bytes) -> EngineError:
    """The error to raise when a manifest was not given."""
    code, text = parse_error(status, data)
    if code == "DENIED":
        return NotFound(
            f"pull access denied for {reference.familiar_name}, "
            f"repository does not exist or may require 'docker login': {text}"
        )
    if code == "MANIFEST_UNKNOWN":
        return NotFound(f"manifest for {reference.familiar} not found: {text}")
    if code == "NAME_UNKNOWN":
        return NotFound(f"repository {reference.familiar_name} not found: name unknown: {text.partition(': ')[2]}")
    if code == "UNAUTHORIZED":
        return Unauthenticated(text)
    return EngineError(text)
