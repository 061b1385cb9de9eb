"""Passwords for registries, where docker keeps them: config.json, or a credential helper that it names."""

import os

from wharf.client.wire import decode_json
from wharf.errors import EngineError
from wharf.jsontext import encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NO_CREDENTIALS = "credentials not found in native keychain"


def credentials_for(config: "dict[str, Any]", registry: str) -> "dict[str, Any]":
    """The API's AuthConfig, or {} when none is known. `registry` is its name in config.json."""
    helper = (config.get("credHelpers") or {}).get(registry) or config.get("credsStore")
    if helper:
        return _from_helper(helper, registry)
    stored = config.get("auths") or {}
    entry = stored.get(registry)
    if entry is None:
        # Names that older clients wrote: with a scheme, or with the path of the first protocol.
        entry = next((value for name, value in stored.items() if host_of(name) == host_of(registry)), None)
    return _from_entry(entry, registry) if entry else {}


def host_of(name: str) -> str:
    return name.removeprefix("https://").removeprefix("http://").split("/", 1)[0]


def _from_entry(entry: "dict[str, Any]", registry: str) -> "dict[str, Any]":
    from binascii import a2b_base64

    found = {"serveraddress": registry}
    if entry.get("auth"):
        user, _, password = a2b_base64(entry["auth"]).decode().partition(":")
        found |= {"username": user, "password": password.rstrip("\0")}
    for name in ("identitytoken", "registrytoken"):
        if entry.get(name):
            found[name] = entry[name]
    return found


def _from_helper(helper: str, registry: str) -> "dict[str, Any]":
    code, text = _run_helper(helper, "get", registry)
    if code:
        if NO_CREDENTIALS in text:
            return {}
        raise EngineError(f"error getting credentials - err: exit status {code}, out: `{text.strip()}`")
    found = decode_json(text)
    if found["Username"] == "<token>":
        return {"serveraddress": registry, "identitytoken": found["Secret"]}
    return {"serveraddress": registry, "username": found["Username"], "password": found["Secret"]}


def _run_helper(helper: str, verb: str, text: str) -> tuple[int, str]:
    import subprocess

    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", verb], input=text, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise EngineError(f"error getting credentials - err: {error}") from None
    return done.returncode, done.stdout


def store(directory: str, config: "dict[str, Any]", registry: str, auth: "dict[str, Any] | None") -> None:
    """Keep credentials (or forget them, None) in the helper or in config.json, which nobody else may read."""
    helper = (config.get("credHelpers") or {}).get(registry) or config.get("credsStore")
    if helper:
        if auth is None:
            _run_helper(helper, "erase", registry)
            return
        name, secret = auth.get("username", ""), auth.get("password", "")
        if auth.get("identitytoken"):
            name, secret = "<token>", auth["identitytoken"]
        code, text = _run_helper(
            helper, "store", encode_json({"ServerURL": registry, "Username": name, "Secret": secret})
        )
        if code:
            raise EngineError(f"error storing credentials - err: exit status {code}, out: `{text.strip()}`")
        return
    stored = dict(config.get("auths") or {})
    if auth is None:
        stored.pop(registry, None)
    else:
        stored[registry] = _entry(auth)
    _write({**config, "auths": stored}, directory)


def _entry(auth: "dict[str, Any]") -> dict[str, str]:
    from binascii import b2a_base64

    name, password = auth.get("username", ""), auth.get("password", "")
    if auth.get("identitytoken"):
        password = ""
    entry = {"auth": b2a_base64(f"{name}:{password}".encode(), newline=False).decode()}
    return entry | ({"identitytoken": auth["identitytoken"]} if auth.get("identitytoken") else {})


def _write(config: "dict[str, Any]", directory: str) -> None:
    import json

    os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103
    path = f"{directory}/config.json"
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(config, file, indent="\t")
    os.replace(temporary, os.path.realpath(path))  # noqa: PTH105
