"""`wharf login`."""

import sys

from wharf.cli.command import Call, Command
from wharf.cli.credentials import credentials_for, store
from wharf.cli.flags import BOOL, STRING, Flag
from wharf.cli.output import err, out
from wharf.client import system
from wharf.client.errors import Refused
from wharf.client.names import DOCKER_INDEX
from wharf.errors import EngineError, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def registry_of(arguments: list[str]) -> str:
    """The registry's name in config.json."""
    name = arguments[0] if arguments else ""
    host = name.removeprefix("https://").removeprefix("http://").rstrip("/")
    return DOCKER_INDEX if host in ("", "docker.io", "index.docker.io", "index.docker.io/v1") else host


def run(call: Call) -> int:
    options = call.options
    registry = registry_of(call.arguments)
    if options["password"]:
        err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")
        if options["password-stdin"]:
            raise InvalidArgument("--password and --password-stdin are mutually exclusive")
    auth = _ask(call, registry)
    try:
        answer = system.authenticate(call.client, auth)
    except Refused as error:
        # 401 is the registry's word, not the daemon's fault: docker shows both alike.
        raise EngineError(str(error)) from None
    if answer.get("IdentityToken"):
        auth = {**auth, "password": "", "identitytoken": answer["IdentityToken"]}
    if not (call.config.get("credHelpers") or {}).get(registry) and not call.config.get("credsStore"):
        err(f"\nWARNING! Your credentials are stored unencrypted in '{call.config_directory}/config.json'.\n\n")
    store(call.config_directory, call.config, registry, auth)
    if answer.get("Status"):
        out(f"{answer['Status']}\n")
    return 0


def _ask(call: Call, registry: str) -> "dict[str, Any]":
    options = call.options
    user, password = options["username"], options["password"]
    if options["password-stdin"]:
        if not user:
            raise InvalidArgument("the --password-stdin option requires --username to be set")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    elif not user and not password and (known := credentials_for(call.config, registry)):
        out("Authenticating with existing credentials...\n")
        return known
    if (not user or not password) and not sys.stdin.isatty():
        raise EngineError("Error: Cannot perform an interactive login from a non TTY device")
    if not user:
        out("Username: ")
        user = sys.stdin.readline().strip()
    if not password:
        from getpass import getpass

        password = getpass("Password: ")
    if not user or not password:
        raise EngineError("Error: Username and password required")
    return {"username": user, "password": password, "serveraddress": registry}


COMMAND = Command(
    run,
    "[OPTIONS] [SERVER]",
    "Remember a user name and password for a registry",
    (
        Flag("password", "p", STRING, "Password"),
        Flag("password-stdin", "", BOOL, "Read the password from STDIN"),
        Flag("username", "u", STRING, "User name"),
    ),
    most=1,
)
