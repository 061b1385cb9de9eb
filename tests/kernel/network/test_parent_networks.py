"""macvlan, and what it shares with ipvlan: real traffic between containers on the host's wire and a machine outside."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from typing import Literal

import pytest

from harness.links import needs_ipvlan
from harness.world import MACVLAN, OUTSIDE, OUTSIDE6, WIRE, World, attached, ip, new_namespace, opened_on_parent, run
from wharf.errors import EngineError, Unavailable
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket
from wharf.network.contract import EndpointRequest
from wharf.network.parented import ParentNetwork
from wharf.network.settings import ParentSettings
from wharf.network.subnets import Subnet

pytestmark = pytest.mark.kernel

#: mode → do two containers reach one another.
MODES = {"bridge": True, "private": False, "vepa": False}


@pytest.mark.parametrize("mode", MODES)
def test_macvlan_modes(world: World, mode: str) -> None:
    async def body() -> None:
        network = await opened_on_parent(world, replace(MACVLAN, mode=mode))
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
        network = await opened_on_parent(world, replace(MACVLAN, mode="passthru"))
        a, at_a = await attached(world, network)
        assert world.reaches(world.server(world.outside, 80), a, OUTSIDE, 80) == at_a.address
        with pytest.raises(EngineError, match="failed to create the macvlan port"):
            await attached(world, network)

    run(body)


def test_a_container_that_starts_again_keeps_its_address(world: World) -> None:
    """Its last link may still be on the way out, with the same MAC address."""

    async def body() -> None:
        network = await opened_on_parent(world, MACVLAN)
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
        network = await opened_on_parent(world, MACVLAN)
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
        network = await opened_on_parent(world, settings)
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


def test_a_parent_that_comes_while_its_network_goes_does_not_stay(world: World) -> None:
    async def body() -> None:
        own = replace(MACVLAN, parent="dm-0123456789ab", own_parent=True, internal=True)
        network = ParentNetwork("1" * 64, own, world.kernel(), name="lan")
        # In this order: the device is being made when the network is closed.
        found = await asyncio.gather(network.reserve(EndpointRequest("c")), network.close(), return_exceptions=True)
        assert isinstance(found[0], Unavailable) and found[1] is None
        with pytest.raises(Unavailable):
            await network.reserve(EndpointRequest("c"))
        with RouteSocket() as routes:
            assert routes.link(own.parent) is None
        assert not network.in_use

    run(body)


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("nope0", "invalid subinterface vlan name nope0, example formatting is eth0.10"),
        ("up0.x", "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)"),
        ("up0.4095", "vlan id must be between 1-4094, received: 4095"),
        ("gone.4095", "-o parent interface was not found on the host: gone"),
        ("lo", "loopback interface is not a valid macvlan parent link"),
    ],
)
def test_parents_that_cannot_be(world: World, parent: str, message: str) -> None:
    async def body() -> None:
        network = ParentNetwork("1" * 64, replace(MACVLAN, parent=parent), world.kernel(), name="lan")
        await network.open()
        assert network.unavailable == message

    run(body)


def test_a_parent_of_its_own_that_was_not_marked_yet_goes_with_its_network(world: World) -> None:
    """The daemon may die after it has made the device, and before it says whose it is."""

    async def body() -> None:
        own = replace(MACVLAN, parent="dm-0123456789ab", own_parent=True, internal=True)
        first = await opened_on_parent(world, own)
        ip("link", "set", own.parent, "alias", "")
        again = ParentNetwork(first.id, own, world.kernel(), name="lan")
        await again.open()
        assert again.unavailable == ""
        await again.close()
        with RouteSocket() as routes:
            assert routes.link(own.parent) is None

    run(body)


@pytest.mark.parametrize("driver", ["macvlan", pytest.param("ipvlan", marks=needs_ipvlan)])
def test_vepa_leaves_it_to_the_switch(world: World, driver: Literal["macvlan", "ipvlan"]) -> None:
    async def body() -> None:
        mode, flag = ("vepa", "bridge") if driver == "macvlan" else ("l2", "vepa")
        network = await opened_on_parent(world, ParentSettings(driver, "up0", mode, flag, subnets=(WIRE,)))
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
