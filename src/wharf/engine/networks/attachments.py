"""Which networks a container belongs to, and what it is called there. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from wharf.apitypes.containers import EndpointSettings, NetworkingConfig
from wharf.engine.containers.record import Container
from wharf.errors import InvalidArgument

DEFAULT: Final = "bridge"
#: Modes in which a container has no network of its own to be connected to others.
ALONE: Final = ("host", "none", "container")
_MAC_ADDRESS: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}")


def primary(mode: str) -> str:
    """The network that a network mode stands for; "" for another container's."""
    if mode.startswith("container:"):
        return ""
    return DEFAULT if mode in ("", "default") else mode


def normalised(mode: str, asked: NetworkingConfig, name_of: Callable[[str], str]) -> NetworkingConfig:
    """The request's endpoints by networks' names, the network of the mode first. `name_of` resolves ids and names."""
    if not (main := primary(mode)):
        return NetworkingConfig()
    main = name_of(main)
    given = {name_of(primary(name)): settings for name, settings in asked.endpoints_config.items()}
    if given and main == DEFAULT and main not in given:
        return NetworkingConfig(endpoints_config=given)  # networks without a mode: only these
    others = {name: given[name] for name in sorted(given) if name != main}
    return NetworkingConfig(endpoints_config={main: given.get(main, EndpointSettings()), **others})


def of(container: Container) -> dict[str, EndpointSettings]:
    """What was asked of each network that the container belongs to."""
    asked = container.networking.endpoints_config
    if not asked and not container.endpoints and (main := primary(container.host.network_mode)):
        return {main: EndpointSettings()}
    found = {primary(name): settings for name, settings in asked.items()}
    return found | {name: EndpointSettings() for name in container.endpoints if name not in found}


def with_endpoint(container: Container, name: str, settings: EndpointSettings) -> Container:
    """The container with one more network."""
    return container.with_(networking=NetworkingConfig(endpoints_config={**of(container), name: settings}))


def without_endpoint(container: Container, name: str) -> Container:
    rest = {other: settings for other, settings in of(container).items() if other != name}
    return container.with_(networking=NetworkingConfig(endpoints_config=rest))


def way_out(attached: Mapping[str, EndpointSettings], is_internal: Callable[[str], bool]) -> str:
    """The network with the default route and the published ports, "" for none: the highest priority, then by name."""
    candidates = [name for name in attached if not is_internal(name)]
    return min(candidates, key=lambda name: (-attached[name].gw_priority, name), default="")


def dns_names(container: Container, settings: EndpointSettings) -> list[str]:
    """What neighbours on a user's network find the container by."""
    names = [container.name, *(settings.aliases or ()), container.id[:12], container.config.hostname]
    return list(dict.fromkeys(name for name in names if name))


def interface(prefix: str, taken: Mapping[str, object]) -> str:
    """The first free name for one more interface."""
    number = 0
    while f"{prefix}{number}" in taken:
        number += 1
    return f"{prefix}{number}"


def check(settings: EndpointSettings, *, name: str, asked_subnet: bool) -> None:
    """Raises InvalidArgument for what a network cannot give."""
    check_mac_address(settings.mac_address)
    ipam = settings.ipam_config
    if ipam is not None and (ipam.ipv6_address or ipam.link_local_ips):
        raise InvalidArgument("IPv6 and link-local addresses are not supported by this engine yet")
    if name in (DEFAULT, "host", "none"):
        if ipam is not None and ipam.ipv4_address:
            raise InvalidArgument("user specified IP address is supported on user defined networks only")
        if settings.aliases:
            raise InvalidArgument("network-scoped alias is supported only for containers in user defined networks")
    elif ipam is not None and ipam.ipv4_address and not asked_subnet:
        raise InvalidArgument(
            "user specified IP address is supported only when connecting to networks with user configured subnets"
        )


def check_mac_address(address: str) -> None:
    """Raises InvalidArgument for what is none; "" asks for any."""
    if address and not _MAC_ADDRESS.fullmatch(address):
        raise InvalidArgument(f"invalid MAC address {address}")


def cleaned(settings: EndpointSettings) -> EndpointSettings:
    """Only what can be asked for: clients send back what inspect showed them."""
    return msgspec.structs.replace(
        settings, network_id="", endpoint_id="", gateway="", ip_address="", ip_prefix_len=0, dns_names=None
    )
