"""IPv6 on bridge networks: who reaches whom, with real traffic between a host, containers and a machine outside."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from harness.world import (
    DUAL,
    HOST,
    HOST6,
    OUTSIDE6,
    World,
    attached,
    ip,
    new_namespace,
    opened,
    plug,
    rules,
    run,
    settings,
)
from wharf.linux import sysctl
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket
from wharf.network.contract import PortRequest
from wharf.network.settings import GatewayMode

pytestmark = pytest.mark.kernel


def test_two_containers_host_and_outside(world: World) -> None:
    async def body() -> None:
        network = await opened(world, DUAL)
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        assert (at_a.address6, at_b.address6, at_a.gateway6) == ("fd30::2", "fd30::3", "fd30::1")
        server = world.server(b, 80, ipv6=True)
        assert world.reaches(server, a, at_b.address6, 80) == at_a.address6
        assert world.reaches(server, None, at_b.address6, 80) == "fd30::1"
        assert world.reaches(world.server(world.outside, 81, ipv6=True), a, OUTSIDE6, 81) == HOST6  # masqueraded
        assert world.reaches(world.server(None, 82, ipv6=True), a, at_a.gateway6, 82) == at_a.address6
        assert (
            world.reaches(server, world.outside, at_b.address6, 80) == ""
        )  # it routes to us, but nothing is published

    run(body)


def test_a_published_port_keeps_the_clients_address(world: World) -> None:
    async def body() -> None:
        network = await opened(world, DUAL)
        a, at_a = await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        b, _ = await attached(world, network)
        server = world.server(a, 80, ipv6=True)
        assert world.reaches(server, world.outside, HOST6, 8080) == OUTSIDE6
        assert world.reaches(server, None, HOST6, 8080) != ""  # the host by its own address
        assert world.reaches(server, b, HOST6, 8080) != ""  # a neighbour by the host's
        assert world.reaches(server, a, HOST6, 8080) != ""  # itself
        assert world.reaches(server, world.outside, at_a.address6, 80) == ""
        await network.release(at_a)
        assert world.reaches(server, world.outside, HOST6, 8080) == ""

    run(body)


def test_a_port_at_one_address(world: World) -> None:
    async def body() -> None:
        network = await opened(world, DUAL)
        ip("addr", "add", "2001:db8:1::7/64", "dev", "up0", "nodad")
        a, _ = await attached(world, network, PortRequest(80, "tcp", host_ip="2001:db8:1::7", host_port=8080))
        server = world.server(a, 80, ipv6=True)
        assert world.reaches(server, world.outside, "2001:db8:1::7", 8080) == OUTSIDE6
        assert world.reaches(server, world.outside, HOST6, 8080) == ""

    run(body)


def test_datagrams(world: World) -> None:
    async def body() -> None:
        network = await opened(world, DUAL)
        a, _ = await attached(world, network, PortRequest(53, "udp", host_port=5353))
        server = world.server(a, 53, socket.SOCK_DGRAM, ipv6=True)
        asking = world.open_socket(world.outside, socket.SOCK_DGRAM, socket.AF_INET6)
        asking.connect((HOST6, 5353))
        asking.send(b"question")
        data, peer = server.recvfrom(100)
        assert (data, peer[0]) == (b"question", OUTSIDE6)
        server.sendto(b"answer", peer)
        assert asking.recv(100) == b"answer"

    run(body)


def test_a_network_without_ipv4(world: World) -> None:
    async def body() -> None:
        network = await opened(world, settings("br0", "fd30::1/64", ipv4=False))
        a, at_a = await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        assert (at_a.address, at_a.gateway, at_a.address6) == ("", "", "fd30::2")
        assert world.reaches(world.server(a, 80, ipv6=True), world.outside, HOST6, 8080) == OUTSIDE6
        with RouteSocket.inside(a) as inside:
            assert [str(found) for _, found in inside.addresses() if found.version == 4] == ["127.0.0.1/8"]
        with RouteSocket() as routes:
            link = routes.link("br0")
            assert link is not None
            assert not [found for index, found in routes.addresses() if index == link.index and found.version == 4]
        assert "table ip wharf_br0" not in rules()

    run(body)


def test_neighbours_cannot_play_the_router(world: World) -> None:
    """Router advertisements of a container change nothing in its neighbours, nor on the host."""

    async def body() -> None:
        network = await opened(world, DUAL)
        a, _ = await attached(world, network)
        with inside_network(a):
            assert sysctl.read("net/ipv6/conf/eth0/accept_ra") == "0"
        assert sysctl.read("net/ipv6/conf/br0/accept_ra") == "0"

    run(body)


def test_a_host_that_learns_its_way_out_goes_on_doing_so(world: World) -> None:
    async def body() -> None:
        assert sysctl.read("net/ipv6/conf/up0/accept_ra") == "1"
        network = await opened(world, DUAL)
        assert sysctl.read("net/ipv6/conf/all/forwarding") == "1"
        assert sysctl.read("net/ipv6/conf/up0/accept_ra") == "2"
        await network.close()
        assert sysctl.read("net/ipv6/conf/all/forwarding") == "0" and rules() == ""

    run(body)


@pytest.mark.parametrize("before", ["0", "1"])
def test_the_host_becomes_no_router_for_strangers(world: World, before: str) -> None:
    async def body() -> None:
        sysctl.ensure("net/ipv6/conf/all/forwarding", before)
        other = new_namespace(world.stack)
        plug("side0", "side1", other, "2001:db8:2::1/64", peers=("2001:db8:2::2/64",))
        with inside_network(other):
            ip("route", "add", "default", "via", "2001:db8:2::1")
        with inside_network(world.outside):
            ip("route", "add", "2001:db8:2::/64", "via", HOST6)
        await opened(world, DUAL)
        passed = world.reaches(world.server(other, 80, ipv6=True), world.outside, "2001:db8:2::2", 80) != ""
        assert passed is (before == "1")

    run(body)


@pytest.mark.parametrize("filtered", ["0", "1"])
def test_without_inter_container_traffic(world: World, filtered: str) -> None:
    async def body() -> None:
        for name in ("iptables", "ip6tables"):
            setting = Path(f"/proc/sys/net/bridge/bridge-nf-call-{name}")
            if setting.exists():
                setting.write_text(filtered)
        network = await opened(world, replace(DUAL, inter_container=False))
        a, at_a = await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        b, _ = await attached(world, network)
        server = world.server(a, 80, ipv6=True)
        assert world.reaches(server, b, at_a.address6, 80) == ""
        assert world.reaches(server, b, HOST6, 8080) != ""

    run(body)


#: mode → is a published port reached at the host's address; at the container's; an unpublished one at the container's;
#: and is the container seen as itself outside.
MODES = {
    GatewayMode.NAT: (True, False, False, False),
    GatewayMode.NAT_UNPROTECTED: (True, True, True, False),
    GatewayMode.ROUTED: (False, True, False, True),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", [4, 6])
def test_gateway_modes(world: World, mode: GatewayMode, version: int) -> None:
    async def body() -> None:
        network = await opened(world, replace(DUAL, mode=mode) if version == 4 else replace(DUAL, mode6=mode))
        a, at_a = await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        ipv6 = version == 6
        host, own = (HOST6, at_a.address6) if ipv6 else (HOST, at_a.address)
        with inside_network(a):
            published, other = world.server(a, 80, ipv6=ipv6), world.server(a, 81, ipv6=ipv6)
        seen = world.reaches(world.server(world.outside, 99, ipv6=ipv6), a, OUTSIDE6 if ipv6 else "198.51.100.2", 99)
        found = (
            world.reaches(published, world.outside, host, 8080) != "",
            world.reaches(published, world.outside, own, 80) != "",
            world.reaches(other, world.outside, own, 81) != "",
            seen == own,
        )
        assert found == MODES[mode]
        assert {port.host_port for port in at_a.ports if (":" in port.host_ip) == ipv6} == {
            0 if mode is GatewayMode.ROUTED else 8080
        }

    run(body)


def test_isolated_and_inhibited_bridges_have_no_address(world: World) -> None:
    async def body() -> None:
        isolated = replace(DUAL, internal=True, mode=GatewayMode.ISOLATED, mode6=GatewayMode.ISOLATED)
        network = await opened(world, isolated)
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        assert world.reaches(world.server(b, 80, ipv6=True), a, at_b.address6, 80) == at_a.address6
        assert world.reaches(world.server(b, 81), a, at_b.address, 81) == at_a.address
        inhibited = await opened(world, replace(settings("br1", "172.30.9.1/24"), inhibit_ipv4=True))
        assert inhibited.unavailable == ""
        with RouteSocket() as routes:
            ours = [found for _, found in routes.addresses() if str(found).startswith(("172.30", "fd30"))]
        assert ours == []

    run(body)


def test_trusted_devices_and_a_fixed_face(world: World) -> None:
    async def body() -> None:
        ip("addr", "add", "198.51.100.9/24", "dev", "up0")
        network = await opened(world, replace(DUAL, trusted=("up0",), host_address="198.51.100.9"))
        a, at_a = await attached(world, network, PortRequest(80, "tcp"), PortRequest(82, "tcp"))
        published, published6 = world.server(a, 80), world.server(a, 82, ipv6=True)
        assert world.reaches(published, world.outside, at_a.address, 80) != ""
        assert world.reaches(published6, world.outside, at_a.address6, 82) != ""
        assert world.reaches(world.server(a, 81), world.outside, at_a.address, 81) == ""
        assert world.reaches(world.server(a, 83, ipv6=True), world.outside, at_a.address6, 83) == ""
        assert world.reaches(world.server(world.outside, 99), a, "198.51.100.2", 99) == "198.51.100.9"
        await network.release(at_a)
        assert world.reaches(published, world.outside, at_a.address, 80) == ""

    run(body)


def test_sysctls_and_link_local_addresses_of_an_endpoint(world: World) -> None:
    async def body() -> None:
        network = await opened(world, DUAL)
        settings = ("net.ipv4.conf.IFNAME.log_martians=1", "net.ipv6.conf.IFNAME.accept_ra=2")
        a, _ = await attached(
            world, network, interface="wan0", sysctls=settings, link_local=("169.254.7.7", "fe80::77")
        )
        with inside_network(a):
            assert sysctl.read("net/ipv4/conf/wan0/log_martians") == "1"
            assert sysctl.read("net/ipv6/conf/wan0/accept_ra") == "2"
        with RouteSocket.inside(a) as inside:
            assert {"169.254.7.7/16", "fe80::77/64"} <= {str(found) for _, found in inside.addresses()}

    run(body)
