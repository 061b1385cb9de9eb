"""Kernel parameters of one interface in each version of the API."""

import pytest

from wharf.api.interface_sysctls import accepted
from wharf.apitypes.containers import EndpointSettings, HostConfig, NetworkingConfig
from wharf.errors import InvalidArgument

OPTION = "com.docker.network.endpoint.sysctls"
OF_ETH0 = {"net.ipv4.conf.eth0.log_martians": "1"}
MOVED = "net.ipv4.conf.IFNAME.log_martians=1"


def on(**networks: str) -> NetworkingConfig:
    """Each network with the sysctls that its place is told already."""
    return NetworkingConfig(
        endpoints_config={
            name: EndpointSettings(driver_opts={OPTION: told} if told else None) for name, told in networks.items()
        }
    )


@pytest.mark.parametrize(
    ("mode", "networking", "network", "told"),
    [
        ("", on(), "bridge", MOVED),
        ("bridge", on(default=""), "default", MOVED),
        ("front", on(), "front", MOVED),
        ("front", on(back="", front="x=1"), "front", f"x=1,{MOVED}"),
    ],
)
def test_before_1_48_those_of_eth0_go_to_its_network(
    mode: str, networking: NetworkingConfig, network: str, told: str
) -> None:
    host = HostConfig(network_mode=mode, sysctls={**OF_ETH0, "net.ipv4.ip_forward": "1"})
    host, networking, warnings = accepted(host, networking, 47)
    assert host.sysctls == {"net.ipv4.ip_forward": "1"}
    assert networking.endpoints_config[network].driver_opts == {OPTION: told}
    assert warnings == [
        f'Migrated sysctl "net.ipv4.conf.eth0.log_martians" to DriverOpts{{"{OPTION}":"{MOVED}"}}.',
    ]


@pytest.mark.parametrize(
    ("networking", "sysctls", "version", "message"),
    [
        (on(), OF_ETH0, 48, "interface specific sysctl setting"),
        (on(), {"net.ipv6.conf.eth1.accept_ra": "0"}, 47, "unable to determine network endpoint"),
        (on(back=""), OF_ETH0, 47, "unable to determine network endpoint"),
    ],
)
def test_refused(networking: NetworkingConfig, sysctls: dict[str, str], version: int, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        accepted(HostConfig(network_mode="front", sysctls=sysctls), networking, version)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("host", "net.ipv4.conf.eth0.x"), ("container:x", "net.ipv4.conf.eth0.x"), ("front", "net.ipv4.conf.all.x")],
)
def test_left_as_they_are(mode: str, name: str) -> None:
    host = HostConfig(network_mode=mode, sysctls={name: "1"})
    assert accepted(host, on(), 51) == (host, on(), [])
