"""What an endpoint adds to the tables of its bridge: elements of their maps and sets. Pure."""

from wharf.network.contract import Endpoint, PublishedPort
from wharf.network.families import IPV4, Family
from wharf.network.ports import HostPort, element
from wharf.network.settings import GatewayMode


def elements(endpoint: Endpoint, family: Family, mode: GatewayMode, *, trusting: bool = False) -> list[tuple[str, str]]:
    """Those of one version of IP. What the shim forwards from one version to the other needs none.

    With `trusting`, ports that are translated are reached at the container's own address, too: by trusted devices.
    """
    address = endpoint.address if family is IPV4 else endpoint.address6
    if not address:
        return []
    ports = [port for port in endpoint.ports if (":" in port.host_ip) == (family is not IPV4)]
    # Several host ports may stand for one of the container.
    opened = list(dict.fromkeys(_opened(port, address) for port in ports if not port.through_input))
    if mode is GatewayMode.ROUTED:
        return opened
    translated = [
        element(HostPort(port.host_ip, port.host_port, port.protocol), address, port.container_port)
        for port in ports
        if port.host_port and not port.through_input and port.host_ip != "::1"  # that only the shim can forward
    ]
    return [*translated, *(opened if trusting else ())]


def _opened(port: PublishedPort, address: str) -> tuple[str, str]:
    return "opened", f"{port.protocol} . {address} . {port.container_port}"
