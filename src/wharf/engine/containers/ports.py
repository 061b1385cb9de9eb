"""Published ports: from the request's PortBindings to requests to the network room. Pure."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from wharf.apitypes.containers import ContainerConfig, HostConfig, PortBinding
from wharf.errors import InvalidArgument
from wharf.network.contract import PortRequest

_PROTOCOLS: Final = ("tcp", "udp", "sctp")


def parse_port(text: str) -> tuple[int, str]:
    """Port and protocol of `80/tcp`; the protocol defaults to tcp. Raises InvalidArgument."""
    number, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if not number.isdecimal() or not 0 < int(number) < 65536 or protocol not in _PROTOCOLS:
        raise InvalidArgument(f"invalid port specification: {text!r}")
    return int(number), protocol


def _host_range(text: str) -> tuple[int, int]:
    """First and last port of `8080`, `8080-8090` or nothing; the last is 0 when it is no range."""
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first or "0"]
    if not all(number.isdecimal() and int(number) < 65536 for number in numbers):
        raise InvalidArgument(f"invalid port specification: {text!r}")
    if dash and int(last) < int(first):
        raise InvalidArgument(f"invalid port range: {text!r}")
    return int(numbers[0]), int(last) if dash else 0


def _check_address(text: str) -> None:
    if text:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise InvalidArgument(f"invalid IP address: {text}") from None


def through_input(firewall: str) -> bool:
    """What `own`, `host` or nothing (which is `own`) means for a published port. Raises InvalidArgument."""
    if firewall not in ("", "own", "host"):
        raise InvalidArgument(f'invalid firewall "{firewall}": expected own or host')
    return firewall == "host"


def requests(config: ContainerConfig, host: HostConfig, firewall: str = "") -> Iterator[PortRequest]:
    """Every port to publish: the bindings, and with --publish-all each exposed port that has none.

    `firewall` is the daemon's default. Raises InvalidArgument.
    """
    firewall = host.firewall or firewall
    through_input(firewall)
    bindings = dict(host.port_bindings)
    if host.publish_all_ports:
        for exposed in config.exposed_ports:
            bindings.setdefault(exposed, [PortBinding()])
    for text, targets in bindings.items():
        port, protocol = parse_port(text)
        for target in targets or [PortBinding()]:
            _check_address(target.host_ip)
            first, last = _host_range(target.host_port)
            guarded = through_input(target.firewall or firewall)
            yield PortRequest(port, protocol, target.host_ip, first, last, through_input=guarded)
