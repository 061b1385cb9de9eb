"""The picture's parts, as values made of what the API answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wharf.cli.render.ports import join_port

_GATEWAYS: Final = ("Gateway", "IPv6Gateway")


@dataclass(frozen=True, slots=True)
class Place:
    """A container's place on one network. Stopped containers have no addresses."""

    container: str  # its id
    addresses: tuple[str, ...] = ()
    leads_out: bool = False  # the container's published ports lead through this network


@dataclass(frozen=True, slots=True)
class Network:
    name: str
    driver: str
    subnets: tuple[str, ...] = ()
    internal: bool = False
    parent: str = ""  # the device of the host on whose wire it is
    lent: bool = False  # its addresses come from a DHCP server on that wire
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    id: str
    name: str
    state: str
    ports: tuple[str, ...] = ()  # "0.0.0.0:8080->80/tcp"


@dataclass(frozen=True, slots=True)
class Topology:
    """Networks by name; a network without containers is shown too."""

    networks: tuple[Network, ...]
    containers: tuple[Container, ...]  # those that are on one of the networks, by name

    def container(self, id: str) -> Container:
        return next(one for one in self.containers if one.id == id)


def topology(networks: Sequence[Mapping[str, Any]], containers: Sequence[Mapping[str, Any]]) -> Topology:
    """From GET /networks (those to show) and GET /containers/json."""
    shown = tuple(_network(one, containers) for one in sorted(networks, key=lambda one: str(one["Name"])))
    ids = {place.container for network in shown for place in network.places}
    found = [_container(one) for one in containers if one["Id"] in ids]
    return Topology(shown, tuple(sorted(found, key=lambda one: one.name)))


def _network(answer: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> Network:
    settings = (answer.get("IPAM") or {}).get("Config") or []
    places = [
        _place(container, endpoint)
        for container in sorted(containers, key=_name)
        if (endpoint := _endpoints(container).get(answer["Name"])) is not None
    ]
    return Network(
        name=answer["Name"],
        driver=answer["Driver"],
        subnets=tuple(one["Subnet"] for one in settings if one.get("Subnet")),
        internal=bool(answer.get("Internal")),
        parent=str((answer.get("Options") or {}).get("parent") or ""),
        lent=(answer.get("IPAM") or {}).get("Driver") == "dhcp",
        places=tuple(places),
    )


def _endpoints(container: Mapping[str, Any]) -> Mapping[str, Any]:
    return (container.get("NetworkSettings") or {}).get("Networks") or {}


def _place(container: Mapping[str, Any], endpoint: Mapping[str, Any]) -> Place:
    addresses = tuple(filter(None, (endpoint.get("IPAddress"), endpoint.get("GlobalIPv6Address"))))
    return Place(container["Id"], addresses, endpoint is _way_out(_endpoints(container)))


def _way_out(endpoints: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Docker's rule: of the endpoints with a gateway the one of the highest priority, of equals that with two, then the
    first by name.
    """
    gateways = {name: sum(bool(one.get(kind)) for kind in _GATEWAYS) for name, one in endpoints.items()}
    ranked = sorted(endpoints, key=lambda name: (-int(endpoints[name].get("GwPriority") or 0), -gateways[name], name))
    return next((endpoints[name] for name in ranked if gateways[name]), None)


def _container(answer: Mapping[str, Any]) -> Container:
    return Container(answer["Id"], _name(answer), answer.get("State", ""), _published(answer))


def _name(answer: Mapping[str, Any]) -> str:
    names = answer.get("Names") or [answer["Id"][:12]]
    # A link gives a container a second name, "/other/alias".
    return str(min(names, key=lambda name: (name.count("/"), name))).removeprefix("/")


def _published(answer: Mapping[str, Any]) -> tuple[str, ...]:
    ports = [port for port in answer.get("Ports") or [] if port.get("PublicPort")]
    everywhere = {_key(port) for port in ports if port.get("IP") == "0.0.0.0"}
    # Published on all addresses is told once, not for each family.
    shown = [port for port in ports if port.get("IP") != "::" or _key(port) not in everywhere]
    shown.sort(key=lambda port: (port["PrivatePort"], port["PublicPort"], port.get("IP", "")))
    return tuple(f"{join_port(port.get('IP', ''), port['PublicPort'])}->{_inner(port)}" for port in shown)


def _inner(port: Mapping[str, Any]) -> str:
    return f"{port['PrivatePort']}/{port['Type']}"


def _key(port: Mapping[str, Any]) -> tuple[object, ...]:
    return port["PrivatePort"], port["PublicPort"], port["Type"]
