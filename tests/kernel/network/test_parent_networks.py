"""macvlan and ipvlan: containers on the host's own wire, with real traffic between them and a machine outside."""

import asyncio
import os
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any, Literal

import pytest

from harness.world import HOST, HOST6, OUTSIDE, OUTSIDE6, World, attached, ip, new_namespace, run
from wharf.errors import EngineError, Unavailable
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket
from wharf.network.contract import EndpointRequest
from wharf.network.parented import ParentNetwork
from wharf.network.settings import ParentSettings
from wharf.network.subnets import Subnet

pytestmark = pytest.mark.kernel

#: The wire's own range, of which containers get the upper half.
WIRE = Subnet(ip_network("198.51.100.0/24"), ip_address(OUTSIDE), pool=ip_network("198.51.100.128/25"))
WIRE6 = Subnet(ip_network("2001:db8:1::/64"), ip_address(OUTSIDE6), pool=ip_network("2001:db8:1::1:0/112"))
MACVLAN = ParentSettings("macvlan", "up0", "bridge", subnets=(WIRE, WIRE6))


def has(kind: str) -> bool:
    """Whether this kernel knows a kind of link."""
    with ExitStack() as stack, inside_network(new_namespace(stack)):
        ip("link", "add", "a0", "type", "veth", "peer", "name", "a1")
        words = [
            "ip",
            "link",
            "add",
            "link",
            "a0",
            "name",
            "b0",
            "type",
            kind,
            *(("id", "7") if kind == "vlan" else ()),
        ]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0


needs_ipvlan = pytest.mark.skipif(not has("ipvlan"), reason="this kernel has no ipvlan")
needs_vlan = pytest.mark.skipif(not has("vlan"), reason="this kernel has no 802.1Q")


async def opened(world: World, settings: ParentSettings) -> ParentNetwork:
    network = ParentNetwork(os.urandom(32).hex(), settings, world.kernel(), name="lan")
    await network.open()
    assert network.unavailable == ""
    return network


#: mode → do two containers reach one another.
MODES = {"bridge": True, "private": False, "vepa": False}


@pytest.mark.parametrize("mode", MODES)
def test_macvlan_modes(world: World, mode: str) -> None:
    async def body() -> None:
        network = await opened(world, replace(MACVLAN, mode=mode))
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        assert (at_a.address, at_a.address6) == ("198.51.100.128", "2001:db8:1::1:0")
        for ipv6, at in ((False, OUTSIDE), (True, OUTSIDE6)):
            server = world.server(world.outside, 80, ipv6=ipv6)
            assert world.reaches(server, a, at, 80) == (at_a.address6 if ipv6 else at_a.address)
            server.close()
        assert world.reaches(world.server(a, 81), world.outside, at_a.address, 81) == OUTSIDE
        # A switch that does not send frames back where they came from: vepa needs one that does.
        assert (world.reaches(world.server(b, 82), a, at_b.address, 82) != "") is MODES[mode]
        assert world.reaches(world.server(b, 83), None, at_b.address, 83) == ""  # the host itself is not on that side

    run(body)


def test_passthru_gives_the_device_to_one_container(world: World) -> None:
    async def body() -> None:
        network = await opened(world, replace(MACVLAN, mode="passthru"))
        a, at_a = await attached(world, network)
        assert world.reaches(world.server(world.outside, 80), a, OUTSIDE, 80) == at_a.address
        with pytest.raises(EngineError, match="failed to create the macvlan port"):
            await attached(world, network)

    run(body)


def test_a_container_that_starts_again_keeps_its_address(world: World) -> None:
    """Its last link may still be on the way out, with the same MAC address."""

    async def body() -> None:
        network = await opened(world, MACVLAN)
        for _ in range(5):
            with ExitStack() as stack:
                namespace = new_namespace(stack)
                endpoint, _ = await network.reserve(EndpointRequest("c", address=IPv4Address("198.51.100.200")))
                await network.connect(endpoint, namespace)
                await network.release(endpoint)
        assert not network.in_use

    run(body)


def test_leaving(world: World) -> None:
    async def body() -> None:
        network = await opened(world, MACVLAN)
        a, at_a = await attached(world, network)
        await network.disconnect(at_a, a)
        await network.disconnect(at_a, a)  # gone already is fine
        await network.release(at_a)
        with RouteSocket.inside(a) as routes:
            assert [link.name for link in routes.links()] == ["lo"]
        await network.close()
        with RouteSocket() as routes:
            assert routes.link("up0") is not None  # not ours to delete

    run(body)


def test_an_internal_network_without_a_parent(world: World) -> None:
    async def body() -> None:
        subnet = Subnet(ip_network("172.30.5.0/24"))
        settings = ParentSettings(
            "macvlan", "dm-0123456789ab", "bridge", subnets=(subnet,), internal=True, own_parent=True
        )
        network = await opened(world, settings)
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        assert at_a.gateway == "" and not at_a.default_route
        assert world.reaches(world.server(b, 80), a, at_b.address, 80) == at_a.address
        assert world.reaches(world.server(world.outside, 81), a, OUTSIDE, 81) == ""
        for endpoint in (at_a, at_b):
            await network.release(endpoint)
        await network.close()
        with RouteSocket() as routes:
            assert {link.name for link in routes.links()} == {"lo", "up0"}

    run(body)


def test_a_parent_may_come_later(world: World) -> None:
    async def body() -> None:
        network = ParentNetwork("1" * 64, replace(MACVLAN, parent="usb0"), world.kernel(), name="lan")
        await network.open()
        assert "invalid subinterface vlan name usb0" in network.unavailable
        with pytest.raises(Unavailable):
            await network.reserve(EndpointRequest("c"))
        ip("link", "add", "usb0", "type", "veth", "peer", "name", "usb1")
        ip("link", "set", "usb1", "up")
        await attached(world, network)

    run(body)


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("nope0", "invalid subinterface vlan name nope0, example formatting is eth0.10"),
        ("up0.x", "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)"),
        ("up0.4095", "vlan id must be between 1-4094, received: 4095"),
        ("gone.10", "-o parent interface was not found on the host: gone"),
        ("lo", "loopback interface is not a valid macvlan parent link"),
    ],
)
def test_parents_that_cannot_be(world: World, parent: str, message: str) -> None:
    async def body() -> None:
        network = ParentNetwork("1" * 64, replace(MACVLAN, parent=parent), world.kernel(), name="lan")
        await network.open()
        assert network.unavailable == message

    run(body)


@needs_vlan
def test_an_802_1q_parent_is_made_and_removed(world: World) -> None:
    async def body() -> None:
        with inside_network(world.outside):
            ip("link", "add", "link", "up1", "name", "up1.10", "type", "vlan", "id", "10")
            ip("addr", "add", "172.30.5.2/24", "dev", "up1.10")
            ip("link", "set", "up1.10", "up")
        subnet = Subnet(ip_network("172.30.5.0/24"), ip_address("172.30.5.2"))
        network = await opened(world, replace(MACVLAN, parent="up0.10", subnets=(subnet,)))
        a, at_a = await attached(world, network)
        assert world.reaches(world.server(world.outside, 80), a, "172.30.5.2", 80) == at_a.address
        await network.disconnect(at_a, a)
        await network.release(at_a)
        await network.close()
        with RouteSocket() as routes:
            assert routes.link("up0.10") is None

    run(body)


@needs_ipvlan
@pytest.mark.parametrize("mode", ["l2", "l3", "l3s"])
@pytest.mark.parametrize(("flag", "neighbours"), [("bridge", True), ("private", False), ("vepa", False)])
def test_ipvlan_modes(world: World, mode: str, flag: str, neighbours: bool) -> None:
    async def body() -> None:
        network = await opened(world, ParentSettings("ipvlan", "up0", mode, flag, subnets=(WIRE, WIRE6)))
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        routed = mode != "l2"
        assert (at_a.gateway, at_a.gateway6) == (("", "") if routed else (OUTSIDE, OUTSIDE6))
        assert (world.reaches(world.server(a, 80), world.outside, at_a.address, 80) == OUTSIDE) is not routed
        if routed:  # by the host only: containers answer nobody who asks the wire for their hardware address
            with inside_network(world.outside):
                ip("route", "add", "198.51.100.128/25", "via", HOST)
                ip("route", "add", "2001:db8:1::1:0/112", "via", HOST6)
        for ipv6, at, port in ((False, OUTSIDE, 84), (True, OUTSIDE6, 86)):
            own, other = (at_a.address6, at_b.address6) if ipv6 else (at_a.address, at_b.address)
            assert world.reaches(world.server(world.outside, port, ipv6=ipv6), a, at, port) == own
            assert world.reaches(world.server(a, port, ipv6=ipv6), world.outside, own, port) == at
            assert (world.reaches(world.server(b, port, ipv6=ipv6), a, other, port) == own) is neighbours
        assert world.reaches(world.server(b, 83), None, at_b.address, 83) == ""

    run(body)


@pytest.mark.parametrize("driver", ["macvlan", pytest.param("ipvlan", marks=needs_ipvlan)])
def test_vepa_leaves_it_to_the_switch(world: World, driver: Literal["macvlan", "ipvlan"]) -> None:
    async def body() -> None:
        mode, flag = ("vepa", "bridge") if driver == "macvlan" else ("l2", "vepa")
        network = await opened(world, ParentSettings(driver, "up0", mode, flag, subnets=(WIRE,)))
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        with inside_network(world.outside):
            ip("link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
            ip("link", "set", "up1", "master", "switch")
            ip("link", "set", "switch", "up")
        assert world.reaches(world.server(b, 80), a, at_b.address, 80) == ""
        with inside_network(world.outside):
            ip("link", "set", "up1", "type", "bridge_slave", "hairpin", "on")
        assert world.reaches(world.server(b, 81), a, at_b.address, 81) == at_a.address

    run(body)


@needs_ipvlan
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_ipvlan_routes_between_its_subnets_in_mode_l3_only(world: World, mode: str) -> None:
    async def body() -> None:
        subnets = tuple(
            Subnet(ip_network(f"172.30.{number}.0/24"), ip_address(f"172.30.{number}.1")) for number in (5, 6)
        )
        network = await opened(world, ParentSettings("ipvlan", "up0", mode, subnets=subnets))
        a, _ = await attached(world, network, address=IPv4Address("172.30.5.5"))
        b, _ = await attached(world, network, address=IPv4Address("172.30.6.6"))
        reached = world.reaches(world.server(b, 80), a, "172.30.6.6", 80)
        assert reached == ("" if mode == "l2" else "172.30.5.5")

    run(body)


def test_a_kernel_without_a_driver_says_so(world: World) -> None:
    if has("ipvlan"):
        pytest.skip("this kernel has ipvlan")

    async def body() -> None:
        network = await opened(world, ParentSettings("ipvlan", "up0", "l2", subnets=(WIRE,)))
        with pytest.raises(EngineError, match="failed to create the ipvlan port: "):
            await asyncio.wait_for(attached(world, network), 2)
        assert HOST  # the host's own device goes on as before
        with RouteSocket() as routes:
            link: Any = routes.link("up0")
            assert link.up

    run(body)
