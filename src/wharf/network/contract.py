"""What the engine asks of the network room."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

from wharf.linux.listener import Listener


@dataclass(frozen=True, slots=True)
class PortRequest:
    """One port to publish. A host port of 0 takes a free one; a range takes the first free port in it."""

    container_port: int
    protocol: str  # "tcp" or "udp"
    host_ip: str = ""  # "" is every address, IPv4 and IPv6
    host_port: int = 0
    host_port_end: int = 0  # last port of a range; 0 when it is no range


@dataclass(frozen=True, slots=True)
class PublishedPort:
    container_port: int
    protocol: str
    host_ip: str  # "0.0.0.0", "::" or the address asked for
    host_port: int


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    container_id: str
    mac_address: str = ""
    address: IPv4Address | None = None
    ports: Sequence[PortRequest] = ()
    interface: str = "eth0"  # its name inside the container
    default_route: bool = True  # whether the way out leads through this network, if it has one


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place in a network, for as long as it runs. Kept in the container's record."""

    id: str  # 64 hex digits
    container_id: str
    network: str
    interface: str  # name of the veth's outer end
    mac_address: str
    address: str
    prefix_length: int
    gateway: str  # "" where the network has no way out
    ports: list[PublishedPort] = field(default_factory=list)
    inner: str = "eth0"  # name of the veth's inner end
    default_route: bool = True

    def leading_out(self, ports: Sequence[PublishedPort] = ()) -> "Endpoint":
        """The same with the default route, and these ports."""
        return replace(self, default_route=True, ports=list(ports))


class Network(Protocol):
    """One network of one driver."""

    @property
    def id(self) -> str:
        """64 hex digits, the same at every start."""

    @property
    def name(self) -> str: ...

    @property
    def subnet(self) -> IPv4Network: ...

    @property
    def internal(self) -> bool:
        """No way out, so no default route and no published ports."""

    async def reserve(self, request: EndpointRequest) -> tuple[Endpoint, list[Listener]]:
        """Takes an address and the host ports, without touching the container.

        The listeners keep the ports; the caller hands them to the shim and closes its own copies. Raises Conflict
        when an address or a port is in use (with dockerd's words), EngineError when none is left, Unavailable
        when the network could not be opened.
        """

    async def connect(self, endpoint: Endpoint, namespace: int) -> None:
        """Makes the interface in the network namespace that the descriptor names, with its route; opens the ports."""

    async def disconnect(self, endpoint: Endpoint, namespace: int) -> None:
        """Takes the interface out of a container that goes on. Then comes `release`."""

    async def take_over(self, endpoint: Endpoint) -> None:
        """Publishes the ports of an endpoint that the way out has just moved to. Raises EngineError."""

    async def release(self, endpoint: Endpoint) -> None:
        """Gives back what `reserve` and `connect` took. Never fails for something that is gone already."""

    async def restore(self, endpoints: Sequence[Endpoint]) -> None:
        """At the daemon's start: these are in use; everything else with our mark is swept away."""
