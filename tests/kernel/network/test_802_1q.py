"""Parents such as eth0.10: the 802.1Q part of a device, which is made for a network and goes with it."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Literal

import pytest

from harness.links import needs_ipvlan, needs_vlan
from harness.world import MACVLAN, World, attached, ip, opened_on_parent, run
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import Message, RouteSocket
from wharf.network import parents
from wharf.network.kernel import Kernel
from wharf.network.parented import ParentNetwork
from wharf.network.settings import ParentSettings
from wharf.network.subnets import Subnet

pytestmark = [pytest.mark.kernel, needs_vlan]


def on_tag(tag: int, driver: Literal["macvlan", "ipvlan"] = "macvlan") -> ParentSettings:
    """A network of one tag, whose router is the machine outside."""
    subnet = Subnet(ip_network(f"172.30.{tag}.0/24"), ip_address(f"172.30.{tag}.2"))
    return ParentSettings(driver, f"up0.{tag}", "bridge" if driver == "macvlan" else "l2", subnets=(subnet,))


def plug_outside(world: World, tag: int) -> str:
    """Gives the machine outside the other end of a tag; its address there."""
    with inside_network(world.outside):
        ip("link", "add", "link", "up1", "name", f"up1.{tag}", "type", "vlan", "id", str(tag))
        ip("addr", "add", f"172.30.{tag}.2/24", "dev", f"up1.{tag}")
        ip("link", "set", f"up1.{tag}", "up")
    return f"172.30.{tag}.2"


def there(name: str) -> bool:
    with RouteSocket() as routes:
        return routes.link(name) is not None


@pytest.mark.parametrize("driver", ["macvlan", pytest.param("ipvlan", marks=needs_ipvlan)])
def test_tags_are_made_kept_apart_and_removed(world: World, driver: Literal["macvlan", "ipvlan"]) -> None:
    async def body() -> None:
        kernel = world.kernel()
        ten = await opened_on_parent(world, on_tag(10, driver), kernel)
        twenty = await opened_on_parent(world, on_tag(20, driver), kernel)
        outside = plug_outside(world, 10)
        a, at_a = await attached(world, ten)
        b, at_b = await attached(world, ten)
        c, at_c = await attached(world, twenty)
        # Frames of tag 10 reach who is on tag 10: containers, and the machine outside.
        assert world.reaches(world.server(world.outside, 80), a, outside, 80) == at_a.address
        assert world.reaches(world.server(a, 81), world.outside, at_a.address, 81) == outside
        assert world.reaches(world.server(b, 82), a, at_b.address, 82) == at_a.address
        # Neither by the router's address nor as a neighbour does tag 20 reach tag 10.
        assert world.reaches(world.server(c, 83), a, at_c.address, 83) == ""
        with inside_network(c):
            ip("addr", "add", "172.30.10.99/24", "dev", "eth0")
        assert world.reaches(world.server(a, 84), c, at_a.address, 84) == ""
        for network, endpoint, namespace in ((ten, at_a, a), (ten, at_b, b), (twenty, at_c, c)):
            await network.disconnect(endpoint, namespace)
            await network.release(endpoint)
        await ten.close()
        await twenty.close()
        assert not there("up0.10") and not there("up0.20") and there("up0")

    run(body)


def test_a_tag_that_was_there_before_stays(world: World) -> None:
    async def body() -> None:
        ip("link", "add", "link", "up0", "name", "up0.10", "type", "vlan", "id", "10")
        network = await opened_on_parent(world, on_tag(10))
        a, at_a = await attached(world, network)
        outside = plug_outside(world, 10)
        assert world.reaches(world.server(world.outside, 80), a, outside, 80) == at_a.address
        await network.disconnect(at_a, a)
        await network.release(at_a)
        await network.close()
        assert there("up0.10")

    run(body)


def test_a_tag_goes_with_its_last_network(world: World) -> None:
    """Also across a restart of the daemon: a kernel of its own knows nothing yet."""

    async def body() -> None:
        kernel, other = world.kernel(), replace(on_tag(10), subnets=(Subnet(ip_network("172.30.11.0/24")),))
        first = await opened_on_parent(world, on_tag(10), kernel)
        second = await opened_on_parent(world, other, kernel)
        _, endpoint = await attached(world, first)
        await second.close()
        await first.close()  # the daemon ends, the container goes on
        assert there("up0.10")
        kernel = world.kernel()
        again, second = [await reopened(network, kernel) for network in (first, second)]
        await again.restore([endpoint])
        await second.close()
        assert there("up0.10")
        await again.release(endpoint)
        await again.close()
        assert not there("up0.10")

    run(body)


class Killed(BaseException):
    """As by SIGKILL: nothing is done afterwards."""


class KilledAfterwards(RouteSocket):
    """The kernel does one thing more, and nobody is there to take notice."""

    def request(self, *messages: Message) -> None:
        super().request(*messages)
        raise Killed


@pytest.mark.parametrize("users", [False, True], ids=["made by us", "made by the user"])
def test_a_tag_that_a_daemon_made_with_its_last_breath(world: World, users: bool) -> None:
    async def body() -> None:
        if users:
            ip("link", "add", "link", "up0", "name", "up0.10", "type", "vlan", "id", "10")
        with KilledAfterwards() as dying, pytest.raises(Killed):
            parents.ensure(dying, "up0.10", "macvlan", own=False)
        assert there("up0.10")
        network = await opened_on_parent(world, on_tag(10))
        await network.close()
        assert there("up0.10") is users

    run(body)


async def reopened(network: ParentNetwork, kernel: Kernel) -> ParentNetwork:
    made = ParentNetwork(network.id, network.settings, kernel, name=network.name)
    await made.open()
    assert made.unavailable == ""
    return made


def test_a_tag_of_a_device_that_is_down_is_not_left_behind(world: World) -> None:
    async def body() -> None:
        ip("link", "set", "up0", "down")
        network = ParentNetwork("1" * 64, replace(MACVLAN, parent="up0.10"), world.kernel(), name="lan")
        await network.open()
        assert network.unavailable == "failed to create up0.10 vlan link: network is down"
        assert not there("up0.10")

    run(body)
