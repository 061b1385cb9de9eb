"""What may be asked of a container's place in a network."""

from typing import Any

import msgspec
import pytest

from wharf.apitypes.containers import EndpointIPAMConfig, EndpointSettings
from wharf.apitypes.networks import IPAM, IPAMConfig
from wharf.engine.networks import endpoint_settings
from wharf.engine.networks.endpoint_settings import INTERFACE, SYSCTLS
from wharf.engine.networks.record import NetworkRecord
from wharf.errors import EngineError, InvalidArgument

FRONT = NetworkRecord(
    id="1",
    name="front",
    created="",
    enable_ipv6=True,
    asked_subnet=True,
    ipam=IPAM(config=[IPAMConfig(subnet="10.9.0.0/24"), IPAMConfig(subnet="fd09::/64")]),
)
CHOSEN_BY_US = NetworkRecord(id="2", name="auto", created="", ipam=IPAM(config=[IPAMConfig(subnet="172.18.0.0/16")]))
BRIDGE = NetworkRecord(id="3", name="bridge", created="")
LAN = NetworkRecord(id="4", name="lan", created="", kind="macvlan", asked_subnet=True, ipam=IPAM(driver="dhcp"))


def addressed(**given: Any) -> EndpointSettings:
    return EndpointSettings(ipam_config=EndpointIPAMConfig(**given))


def optioned(**given: str) -> EndpointSettings:
    return EndpointSettings(
        driver_opts={SYSCTLS if name == "sysctls" else INTERFACE: text for name, text in given.items()}
    )


@pytest.mark.parametrize(
    ("settings", "record"),
    [
        (EndpointSettings(), None),
        (addressed(ipv4_address="10.9.0.9", ipv6_address="fd09::9"), FRONT),
        (addressed(link_local_ips=["169.254.7.7", "fe80::77"]), CHOSEN_BY_US),
        (addressed(ipv4_address="10.9.0.9"), None),  # the network may be made before the start
        (addressed(ipv4_address="10.9.0.9"), LAN),  # the server decides
        (EndpointSettings(aliases=["www"]), FRONT),
        (EndpointSettings(mac_address="02-42-AC-11-00-02"), BRIDGE),
        (EndpointSettings(mac_address="0242.ac11.0002"), BRIDGE),
        (EndpointSettings(links=["web", "web:www"]), FRONT),
        (EndpointSettings(driver_opts={"foo": "bar"}), FRONT),
        (optioned(sysctls="net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=2", name="wan0"), FRONT),
    ],
)
def test_what_can_be_asked_for(settings: EndpointSettings, record: NetworkRecord | None) -> None:
    endpoint_settings.check(settings, record)


@pytest.mark.parametrize(
    ("settings", "record", "problems"),
    [
        (
            addressed(ipv4_address="fd09::7"),
            FRONT,
            ["invalid IPv4 address: fd09::7", "no configured subnet or ip-range contain the IP address fd09::7"],
        ),
        (
            addressed(ipv4_address="xx"),
            FRONT,
            ["invalid IPv4 address: xx", "no configured subnet or ip-range contain the IP address xx"],
        ),
        (
            addressed(ipv4_address="10.8.0.3"),
            FRONT,
            ["no configured subnet or ip-range contain the IP address 10.8.0.3"],
        ),
        (
            addressed(ipv4_address="172.18.0.9"),
            CHOSEN_BY_US,
            ["user specified IP address is supported only when connecting to networks with user configured subnets"],
        ),
        (
            addressed(ipv4_address="172.17.0.9"),
            BRIDGE,
            [
                "user specified IP address is supported on user defined networks only",
                "user specified IP address is supported only when connecting to networks with user configured subnets",
            ],
        ),
        (
            addressed(ipv6_address="fd09::9"),
            LAN,
            ["addresses of this network are lent by a DHCP server, and those of IPv6 come by router advertisements"],
        ),
        (
            addressed(ipv6_address="fd09::9"),
            msgspec.structs.replace(FRONT, enable_ipv6=False),
            ["user specified IP address is supported only when connecting to networks with user configured subnets"],
        ),
        (addressed(link_local_ips=["xx"]), FRONT, ["invalid link-local IP address: xx"]),
        (addressed(link_local_ips=["10.1.1.1"]), FRONT, ["invalid link local IP address: 10.1.1.1"]),
        (addressed(link_local_ips=["fe80::1%eth0"]), FRONT, ["invalid link-local IP address: fe80::1%eth0"]),
        (
            EndpointSettings(aliases=["x"]),
            BRIDGE,
            ["network-scoped alias is supported only for containers in user defined networks"],
        ),
        (
            optioned(sysctls="net.ipv4.conf.eth0.log_martians=1"),
            FRONT,
            [
                "unrecognised network interface sysctl 'net.ipv4.conf.eth0.log_martians=1'; represent "
                "'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'"
            ],
        ),
        (
            optioned(sysctls="net.ipv4.conf.IFNAME.log_martians"),
            FRONT,
            ["expected sysctl 'net.ipv4.conf.IFNAME.log_martians' to have format name=value"],
        ),
    ],
)
def test_nonsense_is_told_in_dockerds_words(
    settings: EndpointSettings, record: NetworkRecord, problems: list[str]
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        endpoint_settings.check(settings, record)
    lines = problems if len(problems) == 1 else [f"* {problem}" for problem in problems]
    assert str(raised.value).splitlines() == ["invalid endpoint settings:", *lines]


@pytest.mark.parametrize("text", ["net.ipv4.conf.IFNAME/../all.rp_filter=0", "net.ipv4.conf.IFNAME.../x=1", "", ","])
def test_sysctls_stay_with_their_interface(text: str) -> None:
    with pytest.raises(InvalidArgument, match="unrecognised network interface sysctl"):
        endpoint_settings.check(optioned(sysctls=text), FRONT)


@pytest.mark.parametrize("name", ["lo", "a b", "a/b", "..", "averyverylongname"])
def test_interfaces_that_cannot_be(name: str) -> None:
    with pytest.raises(InvalidArgument):
        endpoint_settings.check(optioned(name=name), FRONT)


@pytest.mark.parametrize(
    "address", ["x", "02:42:ac:11:00", "02:42:ac:11:00:02:03", "02:42-ac:11:00:02", "02:42:ac:11:00:0g"]
)
def test_what_is_no_address_of_an_interface(address: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^invalid MAC address {address}$"):
        endpoint_settings.check(EndpointSettings(mac_address=address), BRIDGE)


@pytest.mark.parametrize("address", ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "0000.0000.0000"])
def test_what_no_single_interface_can_have(address: str) -> None:
    with pytest.raises(InvalidArgument, match="no single interface"):
        endpoint_settings.check(EndpointSettings(mac_address=address), BRIDGE)


@pytest.mark.parametrize(
    ("link", "message"), [("", "empty string specified for links"), ("a:b:c", "bad format for links: a:b:c")]
)
def test_links_that_are_none(link: str, message: str) -> None:
    with pytest.raises(EngineError, match=f"^{message}$"):
        endpoint_settings.check(EndpointSettings(links=[link]), FRONT)
