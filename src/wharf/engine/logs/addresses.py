"""Addresses of receivers: `scheme://host:port/path`, read as Go's net/url and net read them. Pure."""

import re
from dataclasses import dataclass

from wharf.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of an address, as they stand in it; the scheme in lower case."""

    scheme: str
    host: str  # with its port
    path: str


def parse_url(text: str) -> Url:
    """Raises InvalidArgument, in Go's words."""
    if any(ord(letter) < 0x20 or letter == "\x7f" for letter in text):
        raise InvalidArgument(f"parse {text!r}: net/url: invalid control character in URL")
    match = re.fullmatch(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?(.*)", text)
    assert match is not None
    scheme, host, path = match[1] or "", match[2] or "", match[3]
    host = host.rpartition("@")[2]
    colon = re.search(r":([^:\]]*)$", host)
    if colon is not None and colon[1] and not colon[1].isdecimal():
        raise InvalidArgument(f'parse "{text}": invalid port "{colon[0]}" after host')
    return Url(scheme.lower(), host, path)


def split_host(host: str, *, default_port: int | None) -> str:
    """`host:port`, with the default where it has none. Raises InvalidArgument, in Go's words, for what is neither."""
    bracketed = host.startswith("[")
    name, colon, port = host.rpartition(":")
    if bracketed and "]" not in name:
        name, colon, port = host, "", ""
    if not bracketed and ":" in name:
        raise InvalidArgument(f"address {host}: too many colons in address")
    if not colon:
        if default_port is None:
            raise InvalidArgument(f"address {host}: missing port in address")
        return f"{host}:{default_port}"
    if not port.isdecimal() or int(port) > 65535:
        raise InvalidArgument(f"address {port}: invalid port")
    return host
