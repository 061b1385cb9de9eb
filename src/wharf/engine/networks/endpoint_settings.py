"""What may be asked of a container's place in a network. Refuses nonsense, in dockerd's words. Pure."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from wharf.apitypes.containers import EndpointIPAMConfig, EndpointSettings
from wharf.engine.networks.options import device_name
from wharf.engine.networks.placing import joined, used_subnets
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import InvalidArgument

SYSCTLS: Final = "com.docker.network.endpoint.sysctls"
INTERFACE: Final = "com.docker.network.endpoint.ifname"
_MAC_ADDRESS: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}")
_SYSCTL: Final = re.compile(r"net\.(ipv4|ipv6|mpls)\.[a-z_]+\.IFNAME\.[a-z0-9_]+=?.*", re.DOTALL)


def check_mac_address(address: str) -> None:
    """Raises InvalidArgument for what is none; "" asks for any."""
    if address and not _MAC_ADDRESS.fullmatch(address):
        raise InvalidArgument(f"invalid MAC address {address}")


def check(settings: EndpointSettings, record: NetworkRecord | None) -> None:
    """Raises InvalidArgument with all that is wrong. The network need not exist yet."""
    check_mac_address(settings.mac_address)
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
    if asked.ipv4_address and address(asked.ipv4_address, 4) is None:
        yield f"invalid IPv4 address: {asked.ipv4_address}"
    if asked.ipv6_address and address(asked.ipv6_address, 6) is None:
        yield f"invalid IPv6 address: {asked.ipv6_address}"
    for text in asked.link_local_ips:
        if address(text) is None:
            yield f"invalid link-local IP address: {text}"
        elif not ip_address(text).is_link_local:
            yield f"invalid link local IP address: {text}"


def _misfits(asked: EndpointIPAMConfig, record: NetworkRecord) -> Iterator[str]:
    """What the network does not have."""
    wanted = [text for text in (asked.ipv4_address, asked.ipv6_address) if text]
    if not wanted or record.config_only:
        return
    if record.built_in:
        yield "user specified IP address is supported on user defined networks only"
    if not record.asked_subnet:
        yield "user specified IP address is supported only when connecting to networks with user configured subnets"
        return
    subnets = used_subnets(record)
    for text in wanted:
        found = address(text)
        if found is None or not any(found in subnet.network for subnet in subnets):
            yield f"no configured subnet or ip-range contain the IP address {text}"


def _option_problems(settings: EndpointSettings) -> Iterator[str]:
    for text in sysctls(settings):
        if not _SYSCTL.fullmatch(text):
            yield (
                f"unrecognised network interface sysctl '{text}'; represent 'net.X.Y.ethN.Z=V' as "
                "'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'"
            )
        elif "=" not in text:
            yield f"expected sysctl '{text}' to have format name=value"


def address(text: str, version: int = 0) -> IPv4Address | IPv6Address | None:
    """None for what is no address, or (with a `version`) of the other kind."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    # A zone (fe80::1%eth0) names a device of who asks, not of the container.
    return found if version in (0, found.version) and "%" not in text else None


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
