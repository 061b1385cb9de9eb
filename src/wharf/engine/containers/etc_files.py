"""The texts of a container's /etc/hosts, /etc/hostname and /etc/resolv.conf. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from wharf.errors import EngineError, InvalidArgument

NAMES: Final = ("resolv.conf", "hostname", "hosts")
#: Where nothing but loopback resolvers is known on the host, which a container cannot reach.
FALLBACK_NAMESERVERS: Final = ("8.8.8.8", "8.8.4.4")

HOST_GATEWAY: Final = "host-gateway"
EMBEDDED: Final = "127.0.0.11"
_LOCAL_HOSTS: Final = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def check_extra_host(text: str) -> None:
    """Raises InvalidArgument, in dockerd's words, for what is not `name:address` or `name:host-gateway`."""
    name, separator, address = text.partition(":")
    if not separator or not name or "\n" in text:
        raise InvalidArgument(f'bad format for add-host: "{text}"')
    if address == HOST_GATEWAY:
        return
    try:
        ip_address(address)
    except ValueError:
        raise InvalidArgument(f'invalid IP address in add-host: "{address}"') from None


def split_extra_host(text: str, gateway: str) -> tuple[str, str]:
    """Address and name of an entry that check_extra_host() takes; `gateway` is what `host-gateway` stands for.

    Raises EngineError when it stands for nothing.
    """
    name, _, address = text.partition(":")
    if address != HOST_GATEWAY:
        return address, name
    if not gateway:
        raise EngineError("unable to derive the IP value for host-gateway")
    return gateway, name


def own_line(hostname: str, domain: str, address: str) -> str:
    """The line of /etc/hosts for one address of the container itself."""
    full = f"{hostname}.{domain}" if domain else hostname
    short, dot, _ = full.partition(".")
    return f"{address}\t{full} {short}\n" if dot else f"{address}\t{full}\n"


def hosts(
    hostname: str,
    domain: str,
    addresses: Sequence[str],
    extra: Sequence[str],
    gateway: str = "",
    linked: Sequence[str] = (),
) -> str:
    """/etc/hosts for a container that has these addresses; `linked` are whole lines."""
    lines = [f"{ip}\t{name}\n" for ip, name in (split_extra_host(text, gateway) for text in extra)]
    lines += linked
    lines += [own_line(hostname, domain, address) for address in addresses]
    return _LOCAL_HOSTS + "".join(lines)


def with_addresses(text: str, hostname: str, domain: str, addresses: Sequence[str], extra: Sequence[str]) -> str:
    """/etc/hosts of a running container that has these addresses now. What the container wrote there itself stays."""
    own = own_line(hostname, domain, "").split()
    kept = {split_extra_host(entry, gateway="0.0.0.0")[0] for entry in extra}
    lines = []
    there = set()
    for line in text.splitlines(keepends=True):
        address, *names = line.split() or [""]
        if names == own and address not in kept:
            if address not in addresses:
                continue
            there.add(address)
        lines.append(line)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return "".join([*lines, *(own_line(hostname, domain, one) for one in addresses if one not in there)])


def resolv_conf(
    of_host: str,
    *,
    keep_loopback: bool,
    servers: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    embedded: bool = False,
) -> str:
    """/etc/resolv.conf: the host's, with what the request replaces; loopback resolvers only where they can answer.

    `embedded` names our own resolver, which then asks the servers itself.
    """
    found: dict[str, list[str]] = {"nameserver": [], "search": [], "options": []}
    for line in of_host.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) > 1 and words[0] in found:
            # A later search or options line replaces an earlier one (resolv.conf(5)); name servers add up.
            found[words[0]] = found[words[0]] + words[1:2] if words[0] == "nameserver" else words[1:]
    usable = [text for text in found["nameserver"] if keep_loopback or not _is_loopback(text)]
    if not usable and not keep_loopback:
        usable = list(FALLBACK_NAMESERVERS)
    if embedded:
        servers = (EMBEDDED,)
    lines = [f"nameserver {server}\n" for server in servers or usable]
    if domains := [domain for domain in search or found["search"] if domain != "."]:
        lines.append(f"search {' '.join(domains)}\n")
    chosen = list(options or found["options"])
    if embedded and not any(option.startswith("ndots:") for option in chosen):
        chosen.append("ndots:0")  # containers' names have no dot, and are asked for as they are
    if chosen:
        lines.append(f"options {' '.join(chosen)}\n")
    return "".join(lines)


def _is_loopback(text: str) -> bool:
    try:
        return ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return True  # not an address: no resolver could be reached by it either
