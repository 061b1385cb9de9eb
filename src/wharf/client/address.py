"""Where the daemon listens, and how we find out."""

import os

from wharf.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OUR_SOCKET = "/var/run/wharf.sock"
DOCKER_SOCKET = "/var/run/docker.sock"
TCP_PORT = 2375
TLS_PORT = 2376


class TLSFiles:
    """Paths of the certificate authority, our certificate and its key; without `verify` any server is believed."""

    __slots__ = ("ca", "cert", "key", "verify")

    def __init__(self, ca: str, cert: str, key: str, *, verify: bool) -> None:
        self.ca = ca
        self.cert = cert
        self.key = key
        self.verify = verify


class Address:
    """A parsed `unix://`, `tcp://` or `ssh://` address. `target`: path or host; `text`: what the user wrote."""

    __slots__ = ("port", "scheme", "target", "text", "tls", "user")

    def __init__(self, text: str, scheme: str, target: str, port: int = 0, user: str = "") -> None:
        self.text = text
        self.scheme = scheme
        self.target = target
        self.port = port
        self.user = user
        self.tls: TLSFiles | None = None


def parse_address(text: str, *, tls: bool = False) -> Address:
    """Read an address as `-H` takes it. Raises InvalidArgument for what is none of our schemes."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        # Docker reads a bare path as a unix socket's and anything else as a TCP address.
        scheme, rest = ("unix", text) if text.startswith("/") else ("tcp", text)
    if scheme == "unix":
        return Address(f"unix://{rest}", "unix", rest or OUR_SOCKET)
    if scheme in ("tcp", "http", "https", "ssh"):
        user, _, place = rest.rpartition("@")
        host, port = _split_port(place.split("/", 1)[0], text)
        default = 0 if scheme == "ssh" else TLS_PORT if tls or scheme == "https" else TCP_PORT
        return Address(text if separator else f"tcp://{text}", scheme, host or "127.0.0.1", port or default, user)
    raise InvalidArgument(f"unable to parse docker host `{text}`")


def _split_port(place: str, text: str) -> tuple[str, int]:
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if port and not port.isdigit():
        raise InvalidArgument(f"unable to parse docker host `{text}`")
    return host, int(port or 0)


def default_host(environment: "Mapping[str, str]") -> str:
    """The address when no flag names one: WHARF_HOST, DOCKER_HOST, our socket if it exists, docker's."""
    named = environment.get("WHARF_HOST") or environment.get("DOCKER_HOST")
    if named:
        return named
    return f"unix://{OUR_SOCKET if os.path.exists(OUR_SOCKET) else DOCKER_SOCKET}"  # noqa: PTH110  (pathlib costs 6 ms)
