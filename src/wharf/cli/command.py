"""A command, as its module declares it, and a call of it."""

import os

from wharf.cli.errors import BadCount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from wharf.cli.flags import Flag, Options
    from wharf.client.client import Client

MANY = 1 << 30


class Command:
    """What a verb takes and what runs it. `run` returns the exit code; `least` and `most` count the arguments."""

    __slots__ = ("anywhere", "explains", "flags", "least", "most", "run", "summary", "usage")

    def __init__(
        self,
        run: "Callable[[Call], int]",
        usage: str,
        summary: str,
        flags: "Sequence[Flag]" = (),
        *,
        least: int = 0,
        most: int = 0,
        anywhere: bool = True,
        explains: bool = False,
    ) -> None:
        self.run = run
        self.usage = usage
        self.summary = summary
        self.flags = flags
        self.least = least
        self.most = most
        self.anywhere = anywhere  # flags may follow arguments
        self.explains = explains  # its errors point to --help and exit with 125: run


class Call:
    """One call: the path as typed (`container ls`), options, arguments, and the way to the daemon."""

    __slots__ = ("_client", "_config", "arguments", "command", "globals", "options", "path")

    def __init__(
        self, path: str, command: Command, options: "Options", arguments: "list[str]", globals: "Options"
    ) -> None:
        self.path = path
        self.command = command
        self.options = options
        self.arguments = arguments
        self.globals = globals
        self._client: Client | None = None
        self._config: dict[str, Any] | None = None

    def check_count(self) -> None:
        """Raises BadCount, in docker's words."""
        command, count = self.command, len(self.arguments)
        if command.least <= count <= command.most:
            return
        name = f"wharf: 'wharf {self.path}'"
        if command.most == 0:
            raise BadCount(f"{name} accepts no arguments")
        word = "argument" if (command.least or command.most) == 1 else "arguments"
        if command.least == command.most:
            raise BadCount(f"{name} requires {command.least} {word}")
        if command.most == MANY:
            raise BadCount(f"{name} requires at least {command.least} {word}")
        if command.least == 0:
            word = "argument" if command.most == 1 else "arguments"
            raise BadCount(f"{name} requires at most {command.most} {word}")
        raise BadCount(f"{name} requires at least {command.least} and at most {command.most} arguments")

    @property
    def client(self) -> "Client":
        if self._client is None:
            self._client = connect(self.globals)
        return self._client

    @property
    def config_directory(self) -> str:
        named: str = self.globals["config"] or os.environ.get("DOCKER_CONFIG", "")
        return named or os.path.expanduser("~/.docker")  # noqa: PTH111

    @property
    def config(self) -> "dict[str, Any]":
        """config.json, or {} where there is none."""
        if self._config is None:
            from wharf.client.wire import decode_json

            try:
                with open(f"{self.config_directory}/config.json", "rb") as file:  # noqa: PTH123
                    self._config = decode_json(file.read())
            except OSError:
                self._config = {}
        return self._config or {}


def connect(globals: "Options") -> "Client":
    """A client of the daemon that flags and environment name. Nothing is sent yet."""
    from wharf.client.address import TLSFiles, default_host, parse_address
    from wharf.client.client import Client

    environment = os.environ
    hosts = globals["host"]
    verify = globals["tlsverify"] or bool(environment.get("DOCKER_TLS_VERIFY"))
    tls = verify or globals["tls"]
    address = parse_address(hosts[-1] if hosts else default_host(environment), tls=tls)
    if (tls or address.scheme == "https") and address.scheme not in ("unix", "ssh"):
        place = environment.get("DOCKER_CERT_PATH") or os.path.expanduser("~/.docker")  # noqa: PTH111
        address.tls = TLSFiles(
            globals["tlscacert"] or f"{place}/ca.pem",
            globals["tlscert"] or f"{place}/cert.pem",
            globals["tlskey"] or f"{place}/key.pem",
            verify=verify or address.scheme == "https",
        )
    return Client(address, version=environment.get("DOCKER_API_VERSION", ""))


def each(call: Call, act: "Callable[[str], object]") -> int:
    """Do `act` for every argument and print those that worked; errors are told and do not stop the others.

    An `act` that returns False has found nothing to do, and nothing is printed.
    """
    from wharf.cli.output import err, out
    from wharf.errors import EngineError

    code = 0
    for name in call.arguments:
        try:
            if act(name) is not False:
                out(f"{name}\n")
        except EngineError as error:
            err(f"{error}\n")
            code = 1
    return code
