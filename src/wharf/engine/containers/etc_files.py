"""The texts of a container's /etc/hosts, /etc/hostname and /etc/resolv.conf. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from wharf.errors import InvalidArgument

#: Where nothing but loopback resolvers is known on the host, which a container cannot reach.
FALLBACK_NAMESERVERS: Final = ("8.8.8.8", "8.8.4.4")

_LOCAL_HOSTS: Final = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def split_extra_host(text: str, gateway: str) -> tuple[str, str]:
    """Address and name of `name:address` (or `name=address`); `host-gateway` stands for `gateway`."""
    separator = "=" if "=" in text else ":"
    name, _, address = text.partition(separator)
    if address == "host-gateway" and gateway:
        address = gateway
    try:
        ip_address(address.strip("[]"))
    except ValueError:
        raise InvalidArgument(f"invalid IP address in add-host: {address!r}") from None
    return address.strip("[]"), name


def hosts(hostname: str, domain: str, address: str | None, extra: Sequence[str], gateway: str = "") -> str:
    """/etc/hosts for a container that has `address`, or none."""
    lines = [f"{ip}\t{name}\n" for ip, name in (split_extra_host(text, gateway) for text in extra)]
    if address:
        names = f"{hostname}.{domain} {hostname}" if domain else hostname
        lines.append(f"{address}\t{names}\n")
    return _LOCAL_HOSTS + "".join(lines)


def resolv_conf(
    of_host: str,
    *,
    keep_loopback: bool,
    servers: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
) -> str:
    """/etc/resolv.conf: the host's, with what the request replaces; loopback resolvers only where they can answer."""
    found: dict[str, list[str]] = {"nameserver": [], "search": [], "options": []}
    for line in of_host.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) > 1 and words[0] in found:
            # A later search or options line replaces an earlier one (resolv.conf(5)); name servers add up.
            found[words[0]] = found[words[0]] + words[1:2] if words[0] == "nameserver" else words[1:]
    usable = [text for text in found["nameserver"] if keep_loopback or not _is_loopback(text)]
    if not usable and not keep_loopback:
        usable = list(FALLBACK_NAMESERVERS)
    lines = [f"nameserver {server}\n" for server in servers or usable]
    if domains := [domain for domain in search or found["search"] if domain != "."]:
        lines.append(f"search {' '.join(domains)}\n")
    if chosen := list(options or found["options"]):
        lines.append(f"options {' '.join(chosen)}\n")
    return "".join(lines)


def _is_loopback(text: str) -> bool:
    try:
        return ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return True  # not an address: no resolver could be reached by it either
