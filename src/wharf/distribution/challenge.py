"""What a registry demands before it answers (RFC 9110, 11; distribution's token specification). No I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from wharf.errors import Unauthenticated
from wharf.spec.unreadable import UNREADABLE

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME: Final = re.compile(rf"\s*({_TOKEN})(?:\s+|$)")
_PARAMETER: Final = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Challenge:
    scheme: str  # lower case
    parameters: Mapping[str, str] = field(default_factory=dict)  # keys in lower case


def parse_challenges(headers: Sequence[str]) -> list[Challenge]:
    """All challenges of WWW-Authenticate headers; what cannot be read is left out."""
    found = []
    for header in headers:
        position = 0
        while match := _SCHEME.match(header, position):
            position = match.end()
            parameters: dict[str, str] = {}
            while parameter := _PARAMETER.match(header, position):
                quoted = parameter[2]
                value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else parameter[3]
                parameters[parameter[1].lower()] = value
                position = parameter.end()
            found.append(Challenge(match[1].lower(), parameters))
            position = header.find(",", position) + 1 if header.find(",", position) >= 0 else position
            if position >= len(header) or (not parameters and position == match.end()):
                break
    return found


def token_query(challenge: Challenge, scope: str, account: str = "", client: str = "") -> str:
    """The query of a GET for a token. Without a scope it is a login, which asks for a token to keep."""
    query = [("service", challenge.parameters["service"])] if "service" in challenge.parameters else []
    query += [("scope", scope)] if scope else [("client_id", client), ("offline_token", "true")]
    if account:
        query += [("account", account)]
    return urlencode(query)


def check_realm(challenge: Challenge, registry: str) -> str:
    """The address that gives out tokens. Raises Unauthenticated when secrets must not go there."""
    realm = challenge.parameters.get("realm", "")
    parts = urlsplit(realm)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unauthenticated(f"the registry names no usable token server: {realm!r}")
    if urlsplit(registry).scheme == "https" and parts.scheme != "https":
        raise Unauthenticated("the registry wants credentials sent without encryption")
    return realm


def parse_token(data: bytes) -> str:
    """The token in a token server's answer. Raises Unauthenticated without one."""
    try:
        answer: Any = msgspec.json.decode(data)
    except UNREADABLE:
        answer = None
    token = (answer.get("token") or answer.get("access_token")) if isinstance(answer, dict) else None
    # A line break in it would add headers to our request.
    if not isinstance(token, str) or not token.isprintable() or not token.isascii():
        raise Unauthenticated("authorization server did not include a token in the response")
    return token


def parse_identity(data: bytes) -> str:
    """The token that stands for the password from now on, in a token server's answer; "" when it gives none."""
    try:
        answer: Any = msgspec.json.decode(data)
    except UNREADABLE:
        return ""
    found = answer.get("refresh_token") if isinstance(answer, dict) else None
    return found if isinstance(found, str) else ""
