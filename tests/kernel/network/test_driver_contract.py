"""What every network driver promises (`network.contract.Network`), of each that this kernel has."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from harness.world import DUAL, World, attached, ip, new_namespace, run
from wharf.errors import EngineError, InvalidArgument, PermissionDenied
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket
from wharf.network import inner
from wharf.network.bridge import BridgeNetwork
from wharf.network.contract import EndpointRequest, Network
from wharf.network.parented import ParentNetwork
from wharf.network.settings import ParentSettings
from wharf.network.subnets import Subnet

pytestmark = pytest.mark.kernel

Make = Callable[[World], Network]
SUBNETS = (
    Subnet(ip_network("172.30.0.0/24"), ip_address("172.30.0.1")),
    Subnet(ip_network("fd30::/64"), ip_address("fd30::1")),
)
ID = "0123456789ab" + "0" * 52


def bridge(world: World) -> Network:
    return BridgeNetwork(ID, replace(DUAL, subnets=SUBNETS), world.kernel(), name="net")


def macvlan(world: World) -> Network:
    return ParentNetwork(ID, ParentSettings("macvlan", "up0", "bridge", subnets=SUBNETS), world.kernel(), name="net")


DRIVERS = pytest.mark.parametrize("make", [bridge, macvlan])


def addresses(namespace: int) -> set[str]:
    with RouteSocket.inside(namespace) as routes:
        return {str(one.ip) for _, one in routes.addresses() if not one.is_loopback and not one.is_link_local}


@DRIVERS
def test_the_life_of_an_endpoint(world: World, make: Make) -> None:
    async def body() -> None:
        network = make(world)
        assert network.unavailable and not network.in_use
        await network.open()
        assert network.unavailable == "" and network.leads_out(4) and network.leads_out(6)
        a, at_a = await attached(world, network)
        assert network.in_use
        assert addresses(a) == {at_a.address, at_a.address6} == {"172.30.0.2", "fd30::2"}
        with RouteSocket.inside(a) as routes:
            assert {(version, str(gateway)) for version, gateway, _ in routes.default_routes()} == {
                (4, "172.30.0.1"),
                (6, "fd30::1"),
            }
        await network.disconnect(at_a, a)
        await network.disconnect(at_a, a)
        assert addresses(a) == set()
        await network.release(at_a)
        await network.release(at_a)
        assert not network.in_use
        await network.close()
        assert network.unavailable

    run(body)


@DRIVERS
def test_addresses_are_given_once(world: World, make: Make) -> None:
    async def body() -> None:
        network = make(world)
        await network.open()
        before = {subnet: usage.in_use for subnet, usage in network.usage().items()}
        made = await asyncio.gather(*(network.reserve(EndpointRequest(str(number))) for number in range(40)))
        assert len({endpoint.address for endpoint, _ in made}) == len({one.address6 for one, _ in made}) == 40
        assert {subnet: usage.in_use - before[subnet] for subnet, usage in network.usage().items()} == dict.fromkeys(
            before, 40
        )
        taken = IPv4Address(made[0][0].address)
        with pytest.raises(PermissionDenied, match="Address already in use"):
            await network.reserve(EndpointRequest("x", address=taken))
        with pytest.raises(InvalidArgument):
            await network.reserve(EndpointRequest("x", address=IPv4Address("10.0.0.1")))
        # What was refused took nothing, not even of the other version of IP.
        assert {subnet: usage.in_use - before[subnet] for subnet, usage in network.usage().items()} == dict.fromkeys(
            before, 40
        )
        for endpoint, _ in made:
            await network.release(endpoint)
        assert {subnet: usage.in_use for subnet, usage in network.usage().items()} == before
        await network.reserve(EndpointRequest("x", address=taken))

    run(body)


@DRIVERS
def test_what_runs_is_known_to_the_next_engine(world: World, make: Make) -> None:
    async def body() -> None:
        first = make(world)
        await first.open()
        a, at_a = await attached(world, first)
        b, _ = await attached(world, first)  # nobody has written it down when the engine dies
        if isinstance(first, BridgeNetwork):
            first._let_go()  # as kill -9 would
        second = make(world)
        await second.open()
        await second.restore([at_a])
        with pytest.raises(PermissionDenied):
            await second.reserve(EndpointRequest("x", address=IPv4Address(at_a.address)))
        await second.restore([at_a])  # also twice
        inner.settle([], b)
        assert addresses(b) == set()
        inner.settle([at_a], a)
        assert addresses(a) == {at_a.address, at_a.address6}
        c, at_c = await attached(world, second)
        assert world.reaches(world.server(a, 80), c, at_a.address, 80) == at_c.address

    run(body)


@DRIVERS
def test_a_connection_that_fails_leaves_nothing(world: World, make: Make) -> None:
    async def body() -> None:
        network = make(world)
        await network.open()
        bad = EndpointRequest("c", sysctls=("net.ipv4.conf.IFNAME.nope=1",))
        endpoint, _ = await network.reserve(bad)
        namespace = new_namespace(world.stack)
        with pytest.raises(EngineError, match="is not a sysctl file"):
            await network.connect(endpoint, namespace)
        await network.disconnect(endpoint, namespace)
        await network.release(endpoint)
        with RouteSocket.inside(namespace) as routes:
            assert [link.name for link in routes.links()] == ["lo"]
        assert not network.in_use

    run(body)


@DRIVERS
def test_a_way_out_that_went_with_its_interface_comes_back(world: World, make: Make) -> None:
    async def body() -> None:
        network = make(world)
        await network.open()
        a, at_a = await attached(world, network)
        inner.lead_out([], a)
        with RouteSocket.inside(a) as routes:
            assert routes.default_routes() == []
        inner.settle([at_a], a)
        with RouteSocket.inside(a) as routes:
            assert len(routes.default_routes()) == 2
        with inside_network(a):
            ip("route", "replace", "default", "via", "172.30.0.99")
        inner.settle([at_a], a)  # a container's own way stays
        with RouteSocket.inside(a) as routes:
            assert "172.30.0.99" in {str(gateway) for _, gateway, _ in routes.default_routes()}

    run(body)
