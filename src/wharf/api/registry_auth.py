"""Credentials as requests carry them."""

import base64
import binascii
from typing import Any

import msgspec

from wharf.distribution.config import RegistryAuth
from wharf.errors import InvalidArgument


class AuthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON in X-Registry-Auth and in the body of POST /auth."""

    username: str = ""
    password: str = ""
    auth: str = ""  # base64 of `username:password`, in place of the two
    serveraddress: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


def registry_auth(config: AuthConfig) -> RegistryAuth:
    username, password = config.username, config.password
    if config.auth and not username:
        try:
            username, _, password = base64.b64decode(config.auth).decode().partition(":")
        except ValueError:
            raise InvalidArgument("invalid auth configuration") from None
    return RegistryAuth(username, password, config.identitytoken, config.registrytoken, config.serveraddress)


def parse_registry_auth(header: str) -> RegistryAuth | None:
    """The credentials in an X-Registry-Auth header; None when it is absent, empty or unreadable.

    Both base64 alphabets are taken, padded or not: clients differ. What cannot be read counts as anonymous, as with
    dockerd: the registry then decides.
    """
    text = header.strip().replace("+", "-").replace("/", "_").rstrip("=")
    if not text:
        return None
    try:
        value: Any = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        config = msgspec.convert({k: v for k, v in value.items() if v is not None}, AuthConfig)
        found = registry_auth(config)
    except (binascii.Error, ValueError, AttributeError, msgspec.MsgspecError, InvalidArgument):
        return None
    return found if found != RegistryAuth() else None
