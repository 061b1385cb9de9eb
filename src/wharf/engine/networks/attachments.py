"""Which networks a container belongs to, and what it is called there. Pure."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from wharf.apitypes.containers import EndpointSettings, NetworkingConfig
from wharf.engine.containers.record import Container
from wharf.errors import InvalidArgument

DEFAULT: Final = "bridge"
#: Modes in which a container has no network of its own to be connected to others.
ALONE: Final = ("host", "none", "container")
SHARED: Final = (
    "container sharing network namespace with another container or host cannot be connected to any other network"
)
NOT_ON_HOST: Final = "cannot connect container to host network - container must be created in host network mode"
PRIVATE: Final = "container cannot be connected to multiple networks with one of the networks in private (none) mode"


def primary(mode: str) -> str:
    """The network that a network mode stands for; "" for another container's."""
    if mode.startswith("container:"):
        return ""
    return DEFAULT if mode in ("", "default") else mode


def normalised(mode: str, asked: NetworkingConfig, name_of: Callable[[str], str]) -> NetworkingConfig:
    """The request's endpoints by networks' names, the network of the mode first. `name_of` resolves ids and names.

    A mode alone is an endpoint, too; with others it is not, as with dockerd. Raises InvalidArgument for networks that
    cannot be together.
    """
    if not (main := primary(mode)):
        return NetworkingConfig()
    main = name_of(main)
    given = {name_of(primary(name)): settings for name, settings in asked.endpoints_config.items()}
    given = given or {main: EndpointSettings()}
    _check_alone(main, given.keys() if main == DEFAULT else {main, *given})
    ordered = sorted(given, key=lambda name: (name != main, name))
    return NetworkingConfig(endpoints_config={name: given[name] for name in ordered})


def without_default(mode: str, asked: NetworkingConfig) -> tuple[str, NetworkingConfig]:
    """The same for an engine without a default network: who asks for that one alone has none, as with dockerd."""
    if any(primary(name) != DEFAULT for name in (mode, *asked.endpoints_config)):
        return mode, asked
    return "none", NetworkingConfig()


def _check_alone(main: str, names: Collection[str]) -> None:
    """The host's network, and none, are alone. Raises InvalidArgument, in dockerd's words."""
    if "host" in names and main != "host":
        raise InvalidArgument(NOT_ON_HOST)
    if "host" in names and len(names) > 1:
        raise InvalidArgument(SHARED)
    if "none" in names and len(names) > 1:
        raise InvalidArgument(PRIVATE)


def of(container: Container) -> dict[str, EndpointSettings]:
    """What was asked of each network that the container belongs to."""
    found = {primary(name): settings for name, settings in container.networking.endpoints_config.items()}
    return found | {name: EndpointSettings() for name in container.endpoints if name not in found}


def with_endpoint(container: Container, name: str, settings: EndpointSettings) -> Container:
    """The container with one more network."""
    return container.with_(networking=NetworkingConfig(endpoints_config={**of(container), name: settings}))


def without_endpoint(container: Container, name: str) -> Container:
    rest = {other: settings for other, settings in of(container).items() if other != name}
    return container.with_(networking=NetworkingConfig(endpoints_config=rest))


def ways_out(attached: Mapping[str, EndpointSettings], leads_out: Callable[[str, int], bool]) -> dict[int, str]:
    """By version of IP, the network with the default route: that of the highest priority, of equals one that leads out
    by both versions, then the first by name.

    `leads_out` says whether a network has a way out for a version. A version that has none is left out.
    """
    versions = {name: [version for version in (4, 6) if leads_out(name, version)] for name in attached}
    ranked = sorted(attached, key=lambda name: (-attached[name].gw_priority, -len(versions[name]), name))
    found = ((version, next((name for name in ranked if version in versions[name]), "")) for version in (4, 6))
    return {version: name for version, name in found if name}


def publishing(ways: Mapping[int, str]) -> str:
    """The network that published ports lead through, "" for none: the way out of IPv4, if there is one."""
    return ways.get(4) or ways.get(6) or ""


def dns_names(container: Container, settings: EndpointSettings) -> list[str]:
    """What neighbours on a user's network find the container by."""
    names = [container.name, *(settings.aliases or ()), container.id[:12], container.config.hostname]
    return list(dict.fromkeys(name for name in names if name))


def interface(prefix: str, taken: Collection[str]) -> str:
    """The first free name for one more interface."""
    number = 0
    while f"{prefix}{number}" in taken:
        number += 1
    return f"{prefix}{number}"


def cleaned(settings: EndpointSettings) -> EndpointSettings:
    """Only what can be asked for: clients send back what inspect showed them."""
    return msgspec.structs.replace(
        settings,
        network_id="",
        endpoint_id="",
        gateway="",
        ip_address="",
        ip_prefix_len=0,
        ipv6_gateway="",
        global_ipv6_address="",
        global_ipv6_prefix_len=0,
        dns_names=None,
    )
