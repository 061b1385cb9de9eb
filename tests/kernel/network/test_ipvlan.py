"""ipvlan: containers with the hardware address of the host's device; the device routes between them in l3 and l3s."""

import asyncio
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from harness.links import has, needs_ipvlan
from harness.world import (
    HOST,
    HOST6,
    MACVLAN,
    OUTSIDE,
    OUTSIDE6,
    WIRE,
    WIRE6,
    World,
    attached,
    ip,
    opened_on_parent,
    run,
)
from wharf.errors import EngineError
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket
from wharf.network.contract import EndpointRequest
from wharf.network.settings import ParentSettings
from wharf.network.subnets import Subnet

pytestmark = pytest.mark.kernel


@needs_ipvlan
@pytest.mark.parametrize("mode", ["l2", "l3", "l3s"])
@pytest.mark.parametrize(("flag", "neighbours"), [("bridge", True), ("private", False), ("vepa", False)])
def test_ipvlan_modes(world: World, mode: str, flag: str, neighbours: bool) -> None:
    async def body() -> None:
        network = await opened_on_parent(world, ParentSettings("ipvlan", "up0", mode, flag, subnets=(WIRE, WIRE6)))
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


@needs_ipvlan
@pytest.mark.parametrize("mode", ["l2", "l3"])
def test_ipvlan_routes_between_its_subnets_in_mode_l3_only(world: World, mode: str) -> None:
    async def body() -> None:
        subnets = tuple(
            Subnet(ip_network(f"172.30.{number}.0/24"), ip_address(f"172.30.{number}.1")) for number in (5, 6)
        )
        network = await opened_on_parent(world, ParentSettings("ipvlan", "up0", mode, subnets=subnets))
        a, _ = await attached(world, network, address=IPv4Address("172.30.5.5"))
        b, _ = await attached(world, network, address=IPv4Address("172.30.6.6"))
        reached = world.reaches(world.server(b, 80), a, "172.30.6.6", 80)
        assert reached == ("" if mode == "l2" else "172.30.5.5")

    run(body)


@needs_ipvlan
def test_a_device_is_for_one_of_the_two_drivers_at_a_time(world: World) -> None:
    async def body() -> None:
        kernel = world.kernel()
        ipvlan = await opened_on_parent(world, ParentSettings("ipvlan", "up0", "l2", subnets=(WIRE,)), kernel)
        await attached(world, ipvlan)
        macvlan = await opened_on_parent(world, MACVLAN, kernel)
        with pytest.raises(EngineError, match="failed to create the macvlan port: device or resource busy"):
            await attached(world, macvlan)

    run(body)


def test_all_have_the_hardware_address_of_the_device(world: World) -> None:
    async def body() -> None:
        network = await opened_on_parent(world, ParentSettings("ipvlan", "up0", "l2", subnets=(WIRE,)))
        with pytest.raises(EngineError, match="ipvlan interfaces do not support custom mac address assignment"):
            await network.reserve(EndpointRequest("c" * 64, mac_address="02:42:00:00:00:07"))
        assert not network.in_use

    run(body)


def test_a_kernel_without_a_driver_says_so(world: World) -> None:
    if has("ipvlan"):
        pytest.skip("this kernel has ipvlan")

    async def body() -> None:
        network = await opened_on_parent(world, ParentSettings("ipvlan", "up0", "l2", subnets=(WIRE,)))
        with pytest.raises(EngineError, match="failed to create the ipvlan port: operation not supported"):
            await asyncio.wait_for(attached(world, network), 60)
        with RouteSocket() as routes:  # the host's own device goes on as before
            link = routes.link("up0")
            assert link is not None and link.up

    run(body)
