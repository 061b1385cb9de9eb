"""The default network: what the daemon's options make of it, and how it is told."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import Any

import pytest

from harness.records import recorded
from wharf.apitypes.containers import EndpointSettings, NetworkingConfig
from wharf.apitypes.networks import IPAMConfig, NetworkContainer
from wharf.engine.config import BridgeConfig
from wharf.engine.containers.record import Status
from wharf.engine.networks import default_bridge, describing
from wharf.engine.networks.record import NetworkRecord
from wharf.network.contract import Endpoint
from wharf.network.subnets import DEFAULT_POOLS, Subnet, unique_local_pool

POOLS = (*DEFAULT_POOLS, unique_local_pool("engine"))
BRIDGE, BRIDGE6 = IPv4Interface("10.9.0.1/16"), IPv6Interface("fd09::1/64")
PART, PART6 = IPv4Network("10.9.5.0/24"), IPv6Network("fd09::5:0/112")
OURS = POOLS[-1].base
DAEMON = NetworkRecord(id="1", name="bridge", created="")


@pytest.mark.parametrize(
    ("options", "subnets"),
    [
        ({}, ()),  # one that is free is chosen when it is made
        ({"address": BRIDGE}, (Subnet(BRIDGE.network, BRIDGE.ip),)),
        ({"address": BRIDGE, "fixed_cidr": PART}, (Subnet(BRIDGE.network, BRIDGE.ip, pool=PART),)),
        ({"address": BRIDGE, "fixed_cidr": BRIDGE.network}, (Subnet(BRIDGE.network, BRIDGE.ip),)),
        ({"fixed_cidr": PART}, (Subnet(PART, IPv4Address("10.9.5.1")),)),
        (
            {"address": BRIDGE, "default_gateway": IPv4Address("10.9.0.9")},
            (Subnet(BRIDGE.network, IPv4Address("10.9.0.9"), own=BRIDGE.ip),),
        ),
        ({"ipv6": True}, (Subnet(IPv6Network((OURS.network_address, 64)), OURS[1]),)),
        ({"ipv6": True, "address6": BRIDGE6}, (Subnet(BRIDGE6.network, BRIDGE6.ip),)),
        (
            {"ipv6": True, "address6": BRIDGE6, "fixed_cidr6": PART6, "default_gateway6": IPv6Address("fd09::9")},
            (Subnet(BRIDGE6.network, IPv6Address("fd09::9"), own=BRIDGE6.ip, pool=PART6),),
        ),
        ({"ipv6": True, "fixed_cidr6": PART6}, (Subnet(PART6, IPv6Address("fd09::5:1")),)),
    ],
)
def test_its_subnets(options: dict[str, Any], subnets: tuple[Subnet, ...]) -> None:
    assert default_bridge.settings(BridgeConfig(**options), POOLS, ()).subnets == subnets


def test_it_is_described_by_the_daemons_options() -> None:
    config = BridgeConfig(address=BRIDGE, fixed_cidr=PART, ipv6=True, address6=BRIDGE6, inter_container=False, mtu=1400)
    told = describing.describe_default(DAEMON, default_bridge.settings(config, POOLS, ()))
    assert told.ipam.config == [
        IPAMConfig(subnet="10.9.0.0/16", ip_range="10.9.5.0/24", gateway="10.9.0.1"),
        IPAMConfig(subnet="fd09::/64", gateway="fd09::1"),
    ]
    assert told.enable_ipv4 and told.enable_ipv6
    assert told.options == {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
        "com.docker.network.bridge.name": "wharf0",
        "com.docker.network.driver.mtu": "1400",
    }


def test_who_is_on_a_network() -> None:
    def asking(name: str) -> NetworkingConfig:
        return NetworkingConfig(endpoints_config={name: EndpointSettings()})

    place = Endpoint("e" * 64, "1", "bridge", "veth0", "02:42:0a:09:00:02", "10.9.0.2", 16, "10.9.0.1")
    runs = recorded("1", "runs", status=Status.RUNNING, networking=asking("bridge"), endpoints={"bridge": place})
    stopped = recorded("2", "stopped", networking=asking("bridge"))
    outside = recorded("3", "outside", status=Status.RUNNING, networking=asking("host"))
    assert describing.members("bridge", [runs, stopped, outside]) == {
        "1": NetworkContainer(
            name="runs", endpoint_id=place.id, mac_address=place.mac_address, ipv4_address="10.9.0.2/16"
        )
    }
    assert describing.members("host", [runs, stopped, outside]) == {
        "3": NetworkContainer(name="outside", endpoint_id="3")
    }
