"""Published ports: from the request's PortBindings to requests to the network room. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from wharf.apitypes.containers import ContainerConfig, HostConfig, PortBinding
from wharf.errors import InvalidArgument
from wharf.network.contract import PortRequest
from wharf.network.subnets import parse_address

_PROTOCOLS: Final = ("tcp", "udp", "sctp")
_NUMBER: Final = re.compile(r"0*([0-9]{1,5})")


def parse_port(text: str) -> tuple[int, str]:
    """Port and protocol of `80/tcp`; the protocol defaults to tcp. Raises InvalidArgument."""
    number, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if not (port := _number(number)):
        raise InvalidArgument(f'invalid port specification: "{number}"')
    if protocol not in _PROTOCOLS:
        raise InvalidArgument(f'invalid port specification: "{text}"')
    return port, protocol


def _number(text: str) -> int | None:
    """None for what is no port."""
    match = _NUMBER.fullmatch(text)
    return int(match[1]) if match and int(match[1]) < 65536 else None


def _host_range(text: str) -> tuple[int, int]:
    """First and last port of `8080`, `8080-8090` or nothing; the last is 0 when it is no range."""
    first, dash, last = text.partition("-")
    low = _number(first if dash else first or "0")
    high = _number(last) if dash else low
    if low is None or high is None or high < low:
        raise InvalidArgument(f'invalid port specification: "{text}"')
    return low, high if dash else 0


def _check_address(text: str) -> None:
    if text:
        try:
            parse_address(text)
        except ValueError:
            raise InvalidArgument(f"invalid IP address: {text}") from None


def through_input(firewall: str) -> bool:
    """What `own`, `host` or nothing (which is `own`) means for a published port. Raises InvalidArgument."""
    if firewall not in ("", "own", "host"):
        raise InvalidArgument(f'invalid firewall "{firewall}": expected own or host')
    return firewall == "host"


def requests(config: ContainerConfig, host: HostConfig, firewall: str = "") -> Iterator[PortRequest]:
    """Every port to publish: the bindings of exposed ports, and with --publish-all the exposed ports that have none.

    What is bound but not exposed stays closed, as with dockerd (clients expose what they bind), and see unexposed().
    `firewall` is the daemon's default. Raises InvalidArgument.
    """
    firewall = host.firewall or firewall
    through_input(firewall)
    exposed = {parse_port(text) for text in config.exposed_ports}
    bindings = {parse_port(text): targets for text, targets in host.port_bindings.items()}
    if host.publish_all_ports:
        bindings |= {port: [PortBinding()] for port in exposed if not bindings.get(port)}
    for (port, protocol), targets in bindings.items():
        for target in targets:
            _check_address(target.host_ip)
            first, last = _host_range(target.host_port)
            guarded = through_input(target.firewall or firewall)
            if (port, protocol) in exposed:
                yield PortRequest(port, protocol, target.host_ip, first, last, through_input=guarded)


def unexposed(config: ContainerConfig, host: HostConfig) -> list[str]:
    """What is bound in vain."""
    exposed = {parse_port(text) for text in config.exposed_ports}
    return [text for text, targets in host.port_bindings.items() if targets and parse_port(text) not in exposed]
