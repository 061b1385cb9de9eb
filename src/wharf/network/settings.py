"""What the drivers are told of a network. Pure values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from wharf.network.subnets import Network, PoolOfSubnets, Subnet


class GatewayMode(StrEnum):
    """How packets of one version of IP pass between a bridge network and the rest of the world."""

    NAT = "nat"  # translated; only published ports are reached
    NAT_UNPROTECTED = "nat-unprotected"  # translated, but who routes to a container reaches all its ports
    ROUTED = "routed"  # never translated; published ports are reached at the container's own address
    ISOLATED = "isolated"  # the host has no address in the network


class Forwarding(StrEnum):
    """What a bridge network does to a host that is no router yet."""

    GUARDED = "guarded"  # makes it one, for containers only
    OPEN = "open"  # makes it one, for everybody
    LEFT_ALONE = "left alone"


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """A bridge network. `name` is the device's, "none" for no bridge at all."""

    name: str
    subnets: tuple[Subnet, ...] = ()  # one of each version of IP
    pools: tuple[PoolOfSubnets, ...] = ()  # where the IPv4 subnet comes from when none is given
    others: tuple[
        Network, ...
    ] = ()  # those of networks whose devices may not be there yet, so that none of them is taken
    ipv4: bool = True
    mtu: int = 0
    inter_container: bool = True
    masquerade: bool = True
    internal: bool = False  # nothing passes between it and any other network
    firewall: bool = True
    firewall6: bool = True  # likewise for IPv6
    forwarding: Forwarding = Forwarding.GUARDED
    publish_address: str = ""  # where ports are published that name no address; "" is everywhere
    mode: GatewayMode = GatewayMode.NAT
    mode6: GatewayMode = GatewayMode.NAT
    inhibit_ipv4: bool = False  # the bridge has no IPv4 address of ours
    host_address: str = ""  # what containers look like outside; "" is the address of the way
    host_address6: str = ""
    trusted: tuple[str, ...] = ()  # devices from which published ports are reached at the container's own address

    def mode_of(self, version: int) -> GatewayMode:
        return self.mode if version == 4 else self.mode6

    def hosts(self, subnet: Subnet) -> bool:
        """Whether the host has an address of its own in a subnet."""
        inhibited = subnet.version == 4 and self.inhibit_ipv4
        return subnet.gateway is not None and self.mode_of(subnet.version) is not GatewayMode.ISOLATED and not inhibited

    def filters(self, version: int) -> bool:
        """Whether there are rules of ours for this version of IP."""
        return self.firewall if version == 4 else self.firewall6


@dataclass(frozen=True, slots=True)
class ParentSettings:
    """A network on a device of the host, without a bridge of ours (macvlan, ipvlan)."""

    driver: Literal["macvlan", "ipvlan"]
    parent: str  # name of the device
    mode: str
    flag: str = "bridge"  # of ipvlan: who sees whom
    subnets: tuple[Subnet, ...] = ()
    mtu: int = 0  # 0 is the parent's
    internal: bool = False
    own_parent: bool = False  # nobody named a device: one of ours without anything behind it
    advertised: bool = False  # addresses of IPv6 are what routers on its wire advertise
    lease_patience: float = 0  # seconds to wait for a server that lends addresses, where they are lent

    @property
    def routes_by_device(self) -> bool:
        """Whether the parent's own routes decide, so that containers have no gateway."""
        return self.driver == "ipvlan" and self.mode in ("l3", "l3s")
