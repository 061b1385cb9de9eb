"""The bridge driver: containers are ports of a Linux bridge, reach the world by NAT, and publish ports by nftables."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Final

from wharf.errors import EngineError, InvalidArgument, Unavailable
from wharf.linux import namespaces
from wharf.linux.listener import Listener
from wharf.linux.netlink import Route, mac_bytes
from wharf.network import ports
from wharf.network.contract import Endpoint, EndpointRequest
from wharf.network.firewall import Firewall
from wharf.network.ipam import Pool, free_subnet

log = logging.getLogger(__name__)

INSIDE: Final = "eth0"
PREFIX: Final = "veth"
DEFAULT_MTU: Final = 1500


@dataclass(frozen=True, slots=True)
class BridgeOptions:
    """How the bridge is made. `device` "none" is a network that exists by name only."""

    device: str = "wharf0"
    address: IPv4Interface | None = None  # None takes what the device has, else the first range that is free
    fixed: IPv4Network | None = None  # containers' addresses come from this part
    mtu: int = 0
    inter_container: bool = True
    masquerade: bool = True
    firewall: bool = True
    publish_address: str = ""


def mac_of(address: IPv4Address) -> str:
    """A locally administered MAC address that follows from the IP address, so that ARP caches stay true."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *address.packed))


class BridgeNetwork:
    """A Network. `id` is kept by the caller, who knows it from an earlier run."""

    def __init__(self, id: str, options: BridgeOptions, name: str = "bridge") -> None:
        self.id = id
        self.name = name
        self.subnet = IPv4Network("172.17.0.0/16")
        self.gateway = IPv4Address("172.17.0.1")
        self.unavailable = ""  # why no container can be connected, "" when one can
        self._options = options
        self._route: Route | None = None
        self._index = 0
        self._ipv6 = False
        self._pool = Pool(self.subnet, (self.gateway,))
        self._firewall: Firewall | None = None
        self._published: dict[tuple[str, str, int], str] = {}  # (protocol, host address, port) → endpoint

    async def open(self) -> None:
        """Makes or adopts the device and its rules. Where that is impossible the network is there, but unavailable."""
        if self._options.device == "none":
            self.unavailable = "the default bridge is switched off (bridge: none)"
            return
        try:
            self._open_device()
        except (OSError, EngineError) as error:
            self.unavailable = f"bridge {self._options.device}: {error}"
            log.error("the bridge network cannot be used", extra={"reason": self.unavailable})

    def _open_device(self) -> None:
        options = self._options
        self._route = Route()
        links = self._route.links()
        existed = options.device in links
        if not existed:
            self._route.add_bridge(options.device)
            links = self._route.links()
        self._index = links[options.device][0]
        address = self._choose_address(existed)
        self.subnet, self.gateway = address.network, address.ip
        self._pool = Pool(self.subnet, (self.gateway,), options.fixed)
        self._route.set_up(self._index, options.mtu)
        _set("net/ipv4/ip_forward", "1")
        _set(f"net/ipv4/conf/{options.device}/route_localnet", "1")
        self._ipv6 = ports.has_ipv6()
        if options.firewall:
            self._firewall = Firewall(
                options.device,
                self.subnet,
                masquerade=options.masquerade,
                inter_container=options.inter_container,
            )
            self._firewall.open()

    def _choose_address(self, existed: bool) -> IPv4Interface:
        """The device's address: what it has, what was asked for, or one from a free range."""
        assert self._route is not None
        wanted, device = self._options.address, self._options.device
        present = self._route.addresses(self._index)
        if wanted is not None and wanted.ip == wanted.network.network_address and wanted.network.prefixlen < 31:
            raise InvalidArgument(f"invalid bridge address: {wanted} is the network's own address")
        if wanted is None and present:
            return present[0]
        if wanted is None:
            taken = [other.network for other in (*self._route.addresses(), *self._route.routes())]
            subnet = free_subnet(taken)
            wanted = IPv4Interface((subnet[1], subnet.prefixlen))
        if wanted in present:
            return wanted
        if existed and present:
            raise EngineError(f"{device} exists with address {present[0]}, which is not the configured {wanted}")
        self._route.add_address(self._index, wanted)
        return wanted

    def options(self) -> dict[str, str]:
        """As inspect shows them."""
        options = self._options
        return {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": str(options.inter_container).lower(),
            "com.docker.network.bridge.enable_ip_masquerade": str(options.masquerade).lower(),
            "com.docker.network.bridge.host_binding_ipv4": options.publish_address or "0.0.0.0",
            "com.docker.network.bridge.name": options.device,
            "com.docker.network.driver.mtu": str(options.mtu or DEFAULT_MTU),
        }

    async def reserve(self, request: EndpointRequest) -> tuple[Endpoint, list[Listener]]:
        if self.unavailable:
            raise Unavailable(self.unavailable)
        if request.mac_address:
            _check_mac(request.mac_address)
        address = self._pool.take(request.address)
        id = secrets.token_hex(32)
        published, listeners = [], []
        try:
            for port in request.ports:
                taken, opened = ports.reserve(
                    port,
                    address=str(address),
                    ipv6=self._ipv6,
                    is_ours=self._is_ours,
                    publish_address=self._options.publish_address,
                )
                published += taken
                listeners += opened
                for one in taken:
                    self._published[one.protocol, one.host_ip, one.host_port] = id
        except BaseException:
            for listener in listeners:
                listener.socket.close()
            self._forget(id)
            self._pool.give_back(address)
            raise
        endpoint = Endpoint(
            id=id,
            container_id=request.container_id,
            network=self.name,
            interface=f"{PREFIX}{id[:8]}",
            mac_address=request.mac_address or mac_of(address),
            address=str(address),
            prefix_length=self.subnet.prefixlen,
            gateway=str(self.gateway),
            ports=published,
        )
        return endpoint, listeners

    def _is_ours(self, protocol: str, host: str, port: int) -> bool:
        """Whether a container of this network has the port, there or at every address of the family."""
        everywhere = "::" if ":" in host else "0.0.0.0"
        return (protocol, host, port) in self._published or (protocol, everywhere, port) in self._published

    async def connect(self, endpoint: Endpoint, namespace: int) -> None:
        if self._route is None:
            raise Unavailable(self.unavailable)
        try:
            self._route.add_veth(
                endpoint.interface,
                bridge=self._index,
                peer=INSIDE,
                peer_namespace=namespace,
                peer_mac=endpoint.mac_address,
                mtu=self._options.mtu,
            )
            with namespaces.network_of(namespace), Route() as inside:
                index = inside.links()[INSIDE][0]
                address = IPv4Interface(f"{endpoint.address}/{endpoint.prefix_length}")
                inside.configure(index, address, IPv4Address(endpoint.gateway))
        except OSError as error:
            raise EngineError(f"failed to connect the container to {self.name}: {error.strerror}") from error
        if self._firewall is not None:
            self._firewall.publish(endpoint)

    async def release(self, endpoint: Endpoint) -> None:
        if self._firewall is not None:
            try:
                self._firewall.withdraw(endpoint)
            except EngineError as error:
                log.warning("published ports stay open", extra={"endpoint": endpoint.id, "reason": str(error)})
        self._forget(endpoint.id)
        self._pool.give_back(IPv4Address(endpoint.address))

    def _forget(self, id: str) -> None:
        self._published = {key: owner for key, owner in self._published.items() if owner != id}

    async def restore(self, endpoints: Sequence[Endpoint]) -> None:
        if self.unavailable:
            return
        for endpoint in endpoints:
            self._pool.mark(IPv4Address(endpoint.address))
            for port in endpoint.ports:
                self._published[port.protocol, port.host_ip, port.host_port] = endpoint.id
        if self._firewall is not None:
            self._firewall.open(endpoints)
        self._sweep({endpoint.interface for endpoint in endpoints})

    def _sweep(self, known: set[str]) -> None:
        """Removes ports of the bridge that no endpoint owns: their containers' starts were cut off."""
        assert self._route is not None
        for name, (index, master) in self._route.links().items():
            if master == self._index and name.startswith(PREFIX) and name not in known:
                try:
                    self._route.delete_link(index)
                except OSError as error:
                    log.warning("an interface stays", extra={"interface": name, "reason": str(error)})

    async def close(self) -> None:
        """Leaves device and rules as they are: containers go on without us."""
        if self._route is not None:
            self._route.close()
        if self._firewall is not None:
            self._firewall.close()


def _check_mac(text: str) -> None:
    try:
        mac = mac_bytes(text)
    except ValueError:
        raise InvalidArgument(f"invalid MAC address: {text}") from None
    if mac[0] & 1:
        raise InvalidArgument(f"invalid MAC address: {text} is a multicast address")


def _set(name: str, value: str) -> None:
    """A sysctl, written only when it differs: it may be read-only and right."""
    path = Path("/proc/sys") / name
    if path.read_text().strip() != value:
        path.write_text(value)
