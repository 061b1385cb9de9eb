"""What the engine asks of the network room: the contract that every driver keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from wharf.linux.listener import Listener, Redirection
from wharf.network.dhcp.lease import Lease
from wharf.network.ipam import Usage
from wharf.network.subnets import Network as Range
from wharf.network.subnets import Subnet


@dataclass(frozen=True, slots=True)
class PortRequest:
    """One port to publish. A host port of 0 takes a free one; a range takes the first free port in it."""

    container_port: int
    protocol: str  # "tcp", "udp" or "sctp"
    host_ip: str = ""  # "" is every address, IPv4 and IPv6
    host_port: int = 0
    host_port_end: int = 0  # last port of a range; 0 when it is no range
    through_input: bool = False  # the host's own rules for incoming packets decide who reaches it


@dataclass(frozen=True, slots=True)
class PublishedPort:
    container_port: int
    protocol: str
    host_ip: str  # "0.0.0.0", "::" or the address asked for
    host_port: int  # 0 where the container's own address is routed to, and no port of the host stands for it
    through_input: bool = False


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    container_id: str
    mac_address: str = ""
    address: IPv4Address | None = None
    address6: IPv6Address | None = None
    link_local: Sequence[str] = ()  # more addresses, which only neighbours know; of 169.254.0.0/16 or fe80::/10
    ports: Sequence[PortRequest] = ()
    interface: str = "eth0"  # its name inside the container
    # Whether the way out leads through this network, if it has one; by version of IP.
    default_route: bool = True
    default_route6: bool = True
    sysctls: Sequence[str] = ()  # `net.ipv4.conf.IFNAME.log_martians=1`, for this interface
    host_name: str = ""  # what a server that lends addresses is told


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place in a network, for as long as it runs. Kept in the container's record."""

    id: str  # 64 hex digits
    container_id: str
    network: str
    interface: str  # name of the veth's outer end; "" where the driver has none
    mac_address: str  # "" where it is the parent device's
    address: str  # "" without IPv4
    prefix_length: int
    gateway: str  # "" where the network has no router
    ports: list[PublishedPort] = field(default_factory=list)
    inner: str = "eth0"  # name of the interface in the container
    default_route: bool = True
    address6: str = ""  # "" without IPv6
    prefix_length6: int = 0
    gateway6: str = ""
    default_route6: bool = False
    link_local: list[str] = field(default_factory=list)
    sysctls: list[str] = field(default_factory=list)
    advertised: bool = False  # its IPv6 address and router are what routers on the wire advertise
    lease: Lease | None = None  # the latest one, where addresses are lent; it has no address when that has ended

    @property
    def addresses(self) -> list[str]:
        return [address for address in (self.address, self.address6) if address]

    @property
    def router(self) -> str:
        """Of IPv4, if there is one; "" for none."""
        return self.gateway or self.gateway6

    @property
    def leads_out(self) -> bool:
        return self.default_route or self.default_route6

    def leading_out(self, *versions: int) -> "Endpoint":
        """The same with the default routes of these versions of IP, and no others."""
        return replace(self, default_route=4 in versions, default_route6=6 in versions)

    def leased(self, lease: Lease | None) -> "Endpoint":
        """The same with the address of a lease; None: with none, as the lease has ended."""
        if lease is None:
            return replace(self, address="", prefix_length=0, gateway="")
        return replace(
            self, address=lease.address, prefix_length=lease.prefix_length, gateway=lease.router, lease=lease
        )

    def with_ports(self, ports: Sequence[PublishedPort]) -> "Endpoint":
        return replace(self, ports=list(ports))


class Network(Protocol):
    """One network of one driver."""

    @property
    def id(self) -> str:
        """64 hex digits, the same at every start."""

    @property
    def name(self) -> str: ...

    @property
    def unavailable(self) -> str:
        """Why it could not be opened; "" for an open one. The engine runs on without it."""

    @property
    def subnets(self) -> Sequence[Subnet]: ...

    @property
    def publishes(self) -> bool:
        """Whether ports of containers are published by it; else they are reached at the container's own address."""

    @property
    def in_use(self) -> bool:
        """Whether a container is connected, or about to be."""

    def leads_out(self, version: int) -> bool:
        """Whether a container has a way out by it, for IPv4 or IPv6."""

    def usage(self) -> Mapping[Range, Usage]:
        """How full its subnets are."""

    async def open(self) -> None:
        """Makes what it needs in the kernel. Never raises: see `unavailable`."""

    async def close(self) -> None:
        """Leaves what containers that go on running need; without any, all is removed. Never raises."""

    async def reserve(self, request: EndpointRequest) -> tuple[Endpoint, list[Listener]]:
        """Takes addresses and the host ports, without touching the container.

        The listeners keep the ports; the caller hands them to the shim and closes its own copies. Raises Conflict
        or PermissionDenied when a port or an address is in use (with dockerd's words), InvalidArgument for an
        address of elsewhere, EngineError when none is left, Unavailable when the network could not be opened.
        """

    async def connect(self, endpoint: Endpoint, namespace: int) -> Endpoint:
        """Makes the interface in the network namespace that the descriptor names, with its route; opens the ports.

        Returns the endpoint as it is then: some addresses are known only now. Raises EngineError; the caller then
        releases the endpoint.
        """

    async def carry(self, endpoint: Endpoint, namespace: int) -> None:
        """After connect(), for a container that runs already: waits until packets pass, but not for long.

        A container that starts takes longer than that by itself. Never raises.
        """

    async def resume(self, endpoint: Endpoint, namespace: int) -> None:
        """At the daemon's start: goes on with what an endpoint needs while its container runs.

        Raises OSError; then, and also else, it may be called again.
        """

    async def disconnect(self, endpoint: Endpoint, namespace: int) -> None:
        """Takes the interface out of a container that goes on. Then comes `release`."""

    async def publish(self, endpoint: Endpoint, ports: Sequence[PortRequest]) -> tuple[Endpoint, list[Listener]]:
        """Takes host ports for an endpoint that is connected and has none, and opens them; only where `publishes`.

        As with reserve(), the listeners are the caller's, and it raises the same for a port in use.
        """

    async def republish(self, endpoint: Endpoint) -> None:
        """An endpoint that is connected has these ports from now on, and no others.

        Published ports go where the way out goes. Raises EngineError.
        """

    def redirections(self, endpoint: Endpoint) -> Sequence[Redirection]:
        """What the shim has to know of the endpoint's ports, of which it holds the sockets."""

    async def release(self, endpoint: Endpoint) -> None:
        """Gives back what `reserve` and `connect` took. Never fails for something that is gone already."""

    async def restore(self, endpoints: Sequence[Endpoint]) -> None:
        """At the daemon's start: these are in use; everything else with our mark is swept away."""

    async def repair(self) -> None:
        """After a change of the host's firewall: what it took from the network is put back. Raises EngineError."""
