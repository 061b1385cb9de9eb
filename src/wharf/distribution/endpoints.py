"""Where a registry is reached. No I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from wharf.distribution.config import RegistryConfig
from wharf.errors import InvalidArgument
from wharf.spec.reference import DEFAULT_DOMAIN

_HUB: Final = "https://registry-1.docker.io"
_HUB_NAMES: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HOST: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL without a slash at its end; `verify`: certificates must be good."""

    url: str
    verify: bool = True
    is_mirror: bool = False


def endpoints(domain: str, config: RegistryConfig) -> list[Endpoint]:
    """Where to ask for the images of a domain, in order."""
    if domain == DEFAULT_DOMAIN:
        mirrors = [_mirror(url.rstrip("/"), config) for url in config.mirrors]
        return [*mirrors, Endpoint(_HUB)]
    if is_insecure(domain, config.insecure):
        return [Endpoint(f"https://{domain}", verify=False), Endpoint(f"http://{domain}", verify=False)]
    return [Endpoint(f"https://{domain}")]


def login_endpoints(address: str, config: RegistryConfig) -> list[Endpoint]:
    """Where to try a password for what a user calls a registry: `host[:port]`, a URL, or "" for Docker Hub.

    Never a mirror: the password is not for it. Raises InvalidArgument for what is no address.
    """
    host = address.removeprefix("https://").removeprefix("http://").partition("/")[0]
    if not host or host in _HUB_NAMES:
        return [Endpoint(_HUB)]
    if not _HOST.fullmatch(host):
        raise InvalidArgument(f"unable to parse server address: {address!r}")
    return endpoints(host, config)


def _mirror(url: str, config: RegistryConfig) -> Endpoint:
    parts = urlsplit(url)
    insecure = parts.scheme == "http" or is_insecure(parts.netloc.rpartition("@")[2], config.insecure)
    return Endpoint(url, verify=not insecure, is_mirror=True)


def is_insecure(domain: str, listed: Sequence[str]) -> bool:
    """Whether plain HTTP is allowed for `host[:port]`: on the loopback, or where the daemon's options list it."""
    if domain in listed:
        return True
    host = urlsplit(f"//{domain}").hostname or ""
    if host == "localhost" or host in listed:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    networks = [*_LOOPBACK, *(entry for entry in listed if "/" in entry)]
    return any(address in ip_network(network, strict=False) for network in networks)
