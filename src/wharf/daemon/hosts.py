"""Where the API is served: the values of -H. Pure."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wharf.errors import InvalidArgument

PLAIN_PORT: Final = 2375
TLS_PORT: Final = 2376


@dataclass(frozen=True, slots=True)
class UnixHost:
    path: Path

    def __str__(self) -> str:
        return f"unix://{self.path}"


@dataclass(frozen=True, slots=True)
class TcpHost:
    address: str  # "" is every address
    port: int

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"tcp://{address}:{self.port}"


@dataclass(frozen=True, slots=True)
class SystemdHost:
    """The sockets that systemd hands over; `name` picks one, "" is all."""

    name: str = ""

    def __str__(self) -> str:
        return f"fd://{self.name}"


Host = UnixHost | TcpHost | SystemdHost


def parse_host(text: str, *, tls: bool = False) -> Host:
    """Read `unix://path`, `tcp://[address][:port]` or `fd://[name]`. Raises InvalidArgument for anything else."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise InvalidArgument(f"invalid host {text!r}: it must begin with unix://, tcp:// or fd://")
    if scheme == "unix":
        if not rest.startswith("/"):
            raise InvalidArgument(f"invalid host {text!r}: the socket's path must be absolute")
        return UnixHost(Path(rest))
    if scheme == "fd":
        return SystemdHost("" if rest == "*" else rest)
    if scheme == "tcp":
        return _parse_tcp(text, rest.rstrip("/"), TLS_PORT if tls else PLAIN_PORT)
    raise InvalidArgument(f"invalid host {text!r}: unknown scheme {scheme!r}")


def _parse_tcp(text: str, rest: str, default_port: int) -> TcpHost:
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^:/\[\]]*))(?::([0-9]+))?", rest)
    if match is None:
        raise InvalidArgument(f"invalid host {text!r}: expected tcp://ADDRESS:PORT")
    port = int(match[3] or default_port)
    if not 0 < port < 65536:
        raise InvalidArgument(f"invalid host {text!r}: invalid port {match[3]}")
    return TcpHost(match[1] or match[2] or "", port)
