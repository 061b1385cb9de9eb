"""What may be asked of a container's place in a network. Refuses nonsense, in dockerd's words. Pure."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from wharf.apitypes.containers import EndpointIPAMConfig, EndpointSettings
from wharf.engine.containers import links
from wharf.engine.networks.options import device_name
from wharf.engine.networks.placing import joined, used_subnets
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import InvalidArgument
from wharf.linux.netlink import parse_mac
from wharf.network.inner import SYSCTL
from wharf.network.subnets import parse_address

_NO_SUBNET: Final = (
    "user specified IP address is supported only when connecting to networks with user configured subnets"
)
SYSCTLS: Final = "com.docker.network.endpoint.sysctls"
INTERFACE: Final = "com.docker.network.endpoint.ifname"
_MAC_ADDRESS: Final = re.compile(
    r"[0-9A-F]{2}(:[0-9A-F]{2}){5}|[0-9A-F]{2}(-[0-9A-F]{2}){5}|[0-9A-F]{4}(\.[0-9A-F]{4}){2}", re.IGNORECASE
)


def check_mac_address(address: str) -> None:
    """Raises InvalidArgument for what is none; "" asks for any."""
    if not address:
        return
    if not _MAC_ADDRESS.fullmatch(address):
        raise InvalidArgument(f"invalid MAC address {address}")
    own = parse_mac(address)
    if own[0] & 1 or not any(own):
        raise InvalidArgument(f"invalid MAC address {address}: no single interface can have it")


def check(settings: EndpointSettings, record: NetworkRecord | None) -> None:
    """Raises InvalidArgument with all that is wrong, EngineError (dockerd's choice) for a link that is none.

    The network need not exist yet.
    """
    check_mac_address(settings.mac_address)
    for link in settings.links or ():
        links.parse(link)
    problems = list(_option_problems(settings))
    if settings.ipam_config is not None:
        problems += _address_problems(settings.ipam_config)
        if record is not None:
            problems += _misfits(settings.ipam_config, record)
    if record is not None and record.built_in and settings.aliases:
        problems.append("network-scoped alias is supported only for containers in user defined networks")
    if problems:
        raise InvalidArgument(joined("invalid endpoint settings", problems))
    interface(settings)


def _address_problems(asked: EndpointIPAMConfig) -> Iterator[str]:
    for version, text in _wanted(asked):
        found = address(text, version)
        if found is None or found.is_unspecified:
            yield f"invalid IPv{version} address: {text}"
    for text in asked.link_local_ips:
        if address(text) is None:
            yield f"invalid link-local IP address: {text}"
        elif not ip_address(text).is_link_local:
            yield f"invalid link local IP address: {text}"


def _wanted(asked: EndpointIPAMConfig) -> list[tuple[int, str]]:
    """The addresses that were chosen, each with its version of IP."""
    return [(version, text) for version, text in ((4, asked.ipv4_address), (6, asked.ipv6_address)) if text]


def _misfits(asked: EndpointIPAMConfig, record: NetworkRecord) -> Iterator[str]:
    """What the network does not have."""
    wanted = _wanted(asked)
    if not wanted or record.config_only:
        return
    if record.lends:
        if asked.ipv6_address:
            yield "addresses of this network are lent by a DHCP server, and those of IPv6 come by router advertisements"
        return
    if record.built_in:
        yield "user specified IP address is supported on user defined networks only"
    if not record.asked_subnet:
        yield _NO_SUBNET
        return
    subnets = used_subnets(record)
    for version, text in wanted:
        found = address(text, version)
        if not any(subnet.network.version == version for subnet in subnets):
            yield _NO_SUBNET
        elif found is None or not any(found in subnet.network for subnet in subnets):
            yield f"no configured subnet or ip-range contain the IP address {text}"


def _option_problems(settings: EndpointSettings) -> Iterator[str]:
    for text in sysctls(settings):
        if not SYSCTL.fullmatch(text if "=" in text else f"{text}="):
            yield (
                f"unrecognised network interface sysctl '{text}'; represent 'net.X.Y.ethN.Z=V' as "
                "'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'"
            )
        elif "=" not in text:
            yield f"expected sysctl '{text}' to have format name=value"


def address(text: str, version: int = 0) -> IPv4Address | IPv6Address | None:
    """None for what is no address, or (with a `version`) of the other kind."""
    try:
        found = parse_address(text)
    except ValueError:
        return None
    return found if version in (0, found.version) else None


def sysctls(settings: EndpointSettings) -> Sequence[str]:
    """Each `net.ipv4.conf.IFNAME.log_martians=1`."""
    options = settings.driver_opts or {}
    return options[SYSCTLS].split(",") if SYSCTLS in options else []


def interface(settings: EndpointSettings) -> str:
    """The name that the interface shall have in the container, "" for the next one. Raises InvalidArgument."""
    name = device_name((settings.driver_opts or {}).get(INTERFACE, ""), INTERFACE)
    if name == "lo":
        raise InvalidArgument(f"invalid {INTERFACE}: every container has its lo already")
    return name
