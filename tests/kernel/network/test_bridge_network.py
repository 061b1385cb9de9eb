"""The bridge network in network namespaces of its own: a host, containers, and a machine outside."""

import asyncio
import errno
import re
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from harness.engine import wait_until
from harness.files import no_more_files
from harness.world import CONFIG, HOST, OUTSIDE, World, attached, ip, new_namespace, opened, plug, rules, run, settings
from wharf.errors import Conflict, EngineError, Unavailable
from wharf.linux import links, sysctl
from wharf.linux.namespaces import inside_network
from wharf.linux.netlink import RouteSocket
from wharf.network import device, inner
from wharf.network.contract import EndpointRequest, PortRequest
from wharf.network.settings import Forwarding

pytestmark = pytest.mark.kernel


def flush() -> None:
    subprocess.run(["nft", "flush", "ruleset"], check=True)


def test_containers_reach_one_another_and_the_outside(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        assert (at_a.address, at_b.address) == ("172.30.0.2", "172.30.0.3")
        assert world.reaches(world.server(b, 80), a, at_b.address, 80) == at_a.address
        assert world.reaches(world.server(world.outside, 81), a, OUTSIDE, 81) == HOST  # masqueraded
        assert world.reaches(world.server(None, 82), a, at_a.gateway, 82) == at_a.address

    run(body)


def test_without_ipv6_an_interface_speaks_none_and_the_containers_own_do(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, _ = await attached(world, network)
        with inside_network(a):
            assert sysctl.read("net/ipv6/conf/eth0/disable_ipv6") == "1"
            ip("link", "add", "own0", "type", "veth", "peer", "name", "own1")
            assert sysctl.read("net/ipv6/conf/own0/disable_ipv6") == "0"
        with RouteSocket.inside(a) as inside:
            assert [found for _, found in inside.addresses() if found.version == 6 and not found.is_loopback] == []

    run(body)


def test_published_tcp_port_from_everywhere(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, at_a = await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        b, _ = await attached(world, network)
        server = world.server(a, 80)
        assert world.reaches(server, world.outside, HOST, 8080) == OUTSIDE
        assert world.reaches(server, None, "127.0.0.1", 8080) == at_a.gateway
        assert world.reaches(server, None, HOST, 8080) != ""
        assert world.reaches(server, b, HOST, 8080) != ""  # hairpin: a neighbour by the host's address
        assert world.reaches(server, a, HOST, 8080) != ""  # and the container itself
        assert world.reaches(server, b, at_a.gateway, 8080) != ""
        assert world.reaches(server, world.outside, at_a.address, 80) == ""  # not past the published port
        await network.release(at_a)
        assert world.reaches(server, world.outside, HOST, 8080) == ""

    run(body)


def test_published_udp_port(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, _ = await attached(world, network, PortRequest(53, "udp", host_port=5353))
        server = world.server(a, 53, socket.SOCK_DGRAM)
        for client, address in ((world.outside, HOST), (None, "127.0.0.1"), (None, HOST)):
            asking = world.open_socket(client, socket.SOCK_DGRAM)
            asking.connect((address, 5353))
            asking.send(b"question")
            data, peer = server.recvfrom(100)
            server.sendto(b"answer to " + data, peer)
            assert asking.recv(100) == b"answer to question"

    run(body)


def test_loopback_only_port_and_the_hosts_loopback_are_shielded(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, at_a = await attached(world, network, PortRequest(80, "tcp", host_ip="127.0.0.1", host_port=8080))
        b, at_b = await attached(world, network)
        server = world.server(a, 80)
        assert world.reaches(server, None, "127.0.0.1", 8080) != ""
        assert world.reaches(server, world.outside, HOST, 8080) == ""
        assert world.reaches(server, world.outside, at_a.address, 80) == ""
        local = world.open_socket(None)
        local.bind(("127.0.0.1", 90))
        local.listen()
        with inside_network(b):
            ip("addr", "flush", "dev", "lo")
            ip("route", "add", "127.0.0.0/8", "via", at_b.gateway)
            Path("/proc/sys/net/ipv4/conf/eth0/route_localnet").write_text("1")
        assert world.reaches(local, b, "127.0.0.1", 90) == ""

    run(body)


def test_port_conflicts_have_dockerds_words(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        with pytest.raises(Conflict, match=r"Bind for 0\.0\.0\.0:8080 failed: port is already allocated"):
            await network.reserve(EndpointRequest("d", ports=[PortRequest(81, "tcp", host_port=8080)]))
        world.server(None, 9090)
        with pytest.raises(EngineError, match=r"failed to bind host port for 0\.0\.0\.0:9090:.*: address already in"):
            await network.reserve(EndpointRequest("d", ports=[PortRequest(81, "tcp", host_port=9090)]))
        with pytest.raises(OSError):
            world.server(None, 8080)  # the port is kept from the host's own programs
        _, at_b = await attached(world, network, PortRequest(80, "tcp", host_port=8080, host_port_end=8082))
        assert {port.host_port for port in at_b.ports} == {8081}
        _, at_c = await attached(world, network, PortRequest(80, "tcp"))
        assert at_c.ports[0].host_port > 1024

    run(body)


def test_ports_that_cannot_be_opened_are_free_again(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, at_a = await attached(world, network)
        wanted = [PortRequest(80, "tcp", host_port=8080)]
        with no_more_files(room=4), pytest.raises(EngineError, match="Too many open files"):  # enough for the sockets
            await network.publish(at_a, wanted)
        at_a, listeners = await network.publish(at_a, wanted)
        for listener in listeners:
            world.stack.callback(listener.socket.close)
        assert world.reaches(world.server(a, 80), world.outside, HOST, 8080) == OUTSIDE

    run(body)


def test_two_bridges_side_by_side(world: World) -> None:
    async def body() -> None:
        one = await opened(world)
        two = await opened(world, settings("br-two", "172.30.9.1/24"))
        a, at_a = await attached(world, one, PortRequest(80, "tcp", host_port=8080))
        b, at_b = await attached(world, two, PortRequest(80, "tcp", host_port=8081))
        server = world.server(a, 80)
        assert world.reaches(server, b, HOST, 8080) != ""
        assert world.reaches(server, b, at_a.address, 80) == ""
        await two.release(at_b)
        await two.close()
        assert world.reaches(server, world.outside, HOST, 8080) == OUTSIDE
        rival = world.network(CONFIG)
        await rival.open()
        assert "in use by another engine" in rival.unavailable
        with pytest.raises(Unavailable):
            await rival.reserve(EndpointRequest("d"))

    run(body)


def test_an_engine_that_comes_back_takes_up_what_runs(world: World) -> None:
    async def body() -> None:
        first = await opened(world)
        a, at_a = await attached(world, first, PortRequest(80, "tcp", host_port=8080))
        _, lost = await attached(world, first, PortRequest(80, "tcp", host_port=8081))
        server = world.server(a, 80)
        first._let_go()  # as kill -9 would
        assert world.reaches(server, world.outside, HOST, 8080) == OUTSIDE
        second = await opened(world, settings("br0"))
        assert str(second.subnets[0].network) == "172.30.0.0/24"
        await second.restore([at_a])
        assert world.reaches(server, world.outside, HOST, 8080) == OUTSIDE
        assert "8081" not in rules()
        with RouteSocket() as routes:
            assert routes.link(lost.interface) is None
        with pytest.raises(Conflict):
            await second.reserve(EndpointRequest("d", ports=[PortRequest(80, "tcp", host_port=8080)]))
        await second.release(at_a)
        await second.close()
        assert rules() == ""

    run(body)


def test_who_holds_the_namespace_of_a_container_does_not_keep_it_on_the_network(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        ended, endpoint = await attached(world, network)
        _, other = await attached(world, network)
        await network.release(endpoint)
        with RouteSocket.inside(ended) as held:
            wait_until(lambda: endpoint.interface not in links_here(), "it is unplugged")
            assert held.link(endpoint.inner) is None
            assert other.interface in links_here()
        await network.release(other)
        await network.close()

    run(body)


def test_cables_of_others_stay_on_a_bridge_and_keep_it(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        ip("link", "add", "veth1234567", "type", "veth", "peer", "name", "other0")
        ip("link", "set", "veth1234567", "master", "br0")
        await network.restore([])
        await network.close()
        with RouteSocket() as routes:
            assert routes.link("veth1234567") is not None and routes.link("br0") is not None
            ip("link", "delete", "veth1234567")
            device.delete_bridge("br0", world.kernel().later)
            assert routes.link("br0") is None

    run(body)


def links_here() -> set[str]:
    with RouteSocket() as routes:
        return {link.name for link in routes.links()}


def test_nothing_is_left_of_many_in_parallel(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        before = rules()

        async def life(number: int) -> None:
            with ExitStack() as stack:
                namespace = new_namespace(stack)
                ports = [PortRequest(80, "tcp", host_port=20000 + number), PortRequest(80, "udp")]
                endpoint, listeners = await network.reserve(EndpointRequest(str(number), ports=ports))
                await network.connect(endpoint, namespace)
                for listener in listeners:
                    listener.socket.close()
                await network.release(endpoint)

        await asyncio.gather(*(life(number) for number in range(200)))
        assert rules() == before
        wait_until(lambda: links_here() == {"lo", "up0", "br0"}, "the kernel has taken all namespaces down")
        await network.close()
        assert rules() == ""
        with RouteSocket() as routes:
            assert routes.link("br0") is None

    run(body)


@pytest.mark.parametrize("filtered", ["0", "1"])
def test_without_inter_container_traffic_only_published_ports_are_reached(world: World, filtered: str) -> None:
    async def body() -> None:
        setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
        if setting.exists():
            setting.write_text(filtered)
        network = await opened(world, replace(CONFIG, inter_container=False))
        a, at_a = await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        b, _ = await attached(world, network)
        server = world.server(a, 80)
        assert world.reaches(server, b, at_a.address, 80) == ""
        assert world.reaches(server, b, HOST, 8080) != ""

    run(body)


def test_a_table_that_someone_flushed_is_made_anew(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, _ = await attached(world, network, PortRequest(80, "tcp", host_port=8080))
        flush()
        await attached(world, network, PortRequest(80, "tcp", host_port=8081))
        assert world.reaches(world.server(a, 80), world.outside, HOST, 8080) == OUTSIDE

    run(body)


def test_a_foreign_bridge_with_another_address_is_not_touched(world: World) -> None:
    async def body() -> None:
        ip("link", "add", "br0", "type", "bridge")
        ip("addr", "add", "10.9.0.1/24", "dev", "br0")
        network = world.network(CONFIG)
        await network.open()
        assert "10.9.0.1/24" in network.unavailable
        await network.close()
        with RouteSocket() as routes:
            assert routes.link("br0") is not None

    run(body)


def test_two_bridges_are_apart(world: World) -> None:
    async def body() -> None:
        first = await opened(world)
        second = world.network(settings("br1", "172.31.0.1/24"), name="second")
        await second.open()
        a, at_a = await attached(world, first)
        b, at_b = await attached(world, second, PortRequest(80, "tcp", host_port=8080))
        server = world.server(b, 80)
        assert world.reaches(server, a, at_b.address, 80) == ""
        assert world.reaches(world.server(a, 80), b, at_a.address, 80) == ""
        assert world.reaches(server, a, at_a.gateway, 8080) != ""  # by the published port, as anyone
        await second.release(at_b)
        await first.release(at_a)
        await second.close()

    run(body)


def test_an_internal_network_has_no_way_out_and_in(world: World) -> None:
    async def body() -> None:
        network = world.network(replace(CONFIG, internal=True))
        await network.open()
        a, at_a = await attached(world, network)
        b, at_b = await attached(world, network)
        assert at_a.gateway == "" and not at_a.default_route
        assert world.reaches(world.server(b, 80), a, at_b.address, 80) == at_a.address
        with inside_network(a):
            ip("route", "add", "default", "via", str(network.subnets[0].gateway))
        assert world.reaches(world.server(world.outside, 81), a, OUTSIDE, 81) == ""
        assert world.reaches(world.server(a, 82), world.outside, at_a.address, 82) == ""

    run(body)


def test_leaving_a_network_and_moving_the_default_route(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, at_a = await attached(world, network)
        inner.lead_out([], a)
        server = world.server(world.outside, 81)
        assert world.reaches(server, a, OUTSIDE, 81) == ""
        inner.lead_out([], a)  # none to be deleted is fine
        inner.lead_out([at_a], a)
        assert world.reaches(server, a, OUTSIDE, 81) == HOST
        await network.disconnect(at_a, a)
        await network.disconnect(at_a, a)  # gone already is fine
        await network.release(at_a)
        assert not network.in_use
        assert links_in(a) == ["lo"]

    run(body)


def links_in(namespace: int) -> list[str]:
    with RouteSocket.inside(namespace) as routes:
        return [link.name for link in routes.links()]


def test_who_gives_the_name_of_its_interface_to_another_leaves_all_the_same(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        a, at_a = await attached(world, network)
        with inside_network(a):
            ip("link", "set", "eth0", "down")
            ip("link", "set", "eth0", "name", "hidden0")
            ip("link", "add", "eth0", "type", "veth", "peer", "name", "own0")
        await network.disconnect(at_a, a)
        assert sorted(links_in(a)) == ["eth0", "lo", "own0"]

    run(body)


@pytest.mark.parametrize(
    ("before", "how", "for_strangers"),
    [
        ("0", Forwarding.GUARDED, False),
        ("1", Forwarding.GUARDED, True),
        ("0", Forwarding.OPEN, True),
    ],
)
def test_the_host_becomes_no_router_for_strangers(
    world: World, before: str, how: Forwarding, for_strangers: bool
) -> None:
    """A host that forwarded nothing goes on forwarding nothing but for containers; one that did is left alone."""

    async def body() -> None:
        sysctl.ensure("net/ipv4/ip_forward", before)
        other = world.namespace()
        plug("side0", "side1", other, "203.0.113.1/24", peers=("203.0.113.2/24",))
        with inside_network(other):
            ip("route", "add", "default", "via", "203.0.113.1")
        with inside_network(world.outside):
            ip("route", "add", "203.0.113.0/24", "via", HOST)
        first = await opened(world, replace(CONFIG, forwarding=how))
        second = await opened(world, settings("br1", forwarding=how))
        passed = world.reaches(world.server(other, 80), world.outside, "203.0.113.2", 80) != ""
        assert passed is for_strangers
        a, _ = await attached(world, second)
        assert world.reaches(world.server(world.outside, 81), a, OUTSIDE, 81) == HOST
        await first.close()
        assert sysctl.read("net/ipv4/ip_forward") == "1"  # the second still needs it

    run(body)


def test_forwarding_is_left_alone_but_a_guard_of_ours_lets_pass(world: World) -> None:
    async def body() -> None:
        sysctl.ensure("net/ipv4/ip_forward", "0")
        alone = await opened(world, settings("br1", forwarding=Forwarding.LEFT_ALONE))
        assert sysctl.read("net/ipv4/ip_forward") == "0" and "wharf_forwarding" not in rules()
        await alone.close()
        first = await opened(world)
        second = await opened(world, settings("br1", forwarding=Forwarding.LEFT_ALONE))
        a, _ = await attached(world, second)
        assert world.reaches(world.server(world.outside, 81), a, OUTSIDE, 81) == HOST
        await first.close()
        assert "wharf_forwarding" in rules()

    run(body)


def test_forwarding_ends_with_the_last_bridge(world: World) -> None:
    async def body() -> None:
        sysctl.ensure("net/ipv4/ip_forward", "0")
        first, second = await opened(world), await opened(world, settings("br1"))
        await second.close()
        assert "wharf_forwarding" in rules()
        await first.close()
        assert sysctl.read("net/ipv4/ip_forward") == "0" and rules() == ""

    run(body)


def test_forwarding_ends_also_where_the_bridge_cannot_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    async def body() -> None:
        sysctl.ensure("net/ipv4/ip_forward", "0")
        network = await opened(world)
        monkeypatch.setattr("wharf.network.device.delete_bridge", refused)
        await network.close()
        assert sysctl.read("net/ipv4/ip_forward") == "0" and rules() == ""

    run(body)


def test_one_chain_that_every_packet_passes_serves_all_bridges(world: World) -> None:
    async def body() -> None:
        first = await opened(world)
        chains = rules().count("hook forward")
        second = await opened(world, settings("br1", "172.31.0.1/24", internal=True))
        assert rules().count("hook forward") == chains
        assert rules().count('"br1" : jump wharf_br1') == 2  # what is to an internal bridge, and what is from it
        await first.close()
        assert '"br0"' not in rules() and rules().count('"br1" : jump wharf_br1') == 2
        await second.close()
        assert rules() == ""

    run(body)


def test_a_bridge_that_a_daemon_made_with_its_last_breath_is_ours(world: World) -> None:
    async def body() -> None:
        with RouteSocket() as routes:
            routes.request(links.new_bridge("br0", "02:42:00:00:00:01"))  # then it was killed
        network = await opened(world)
        await network.close()
        with RouteSocket() as routes:
            assert routes.link("br0") is None

    run(body)


def test_a_bridge_that_somebody_has_deleted_leaves_no_rules(world: World) -> None:
    async def body() -> None:
        network = await opened(world)
        ip("link", "delete", "br0")
        await network.close()
        assert rules() == ""

    run(body)


def test_what_is_whole_is_left_alone_whatever_the_bridge_is_called(world: World) -> None:
    """Else each repair, which looks like a loss again, would set off the next one."""

    async def body() -> None:
        network = await opened(world, settings("return", "172.30.0.1/24", "fd30::1/64"))
        before = rules("--handle")
        await network.repair()
        assert rules("--handle") == before
        await network.close()

    run(body)


def test_what_is_removed_is_not_repaired(world: World) -> None:
    """Our own removal looks like a loss to who watches the firewall, and he may come after it."""

    async def body() -> None:
        network = await opened(world)
        await asyncio.gather(network.close(), network.repair())
        assert rules() == ""

    run(body)


def test_senders_that_are_asked_for_first_come_and_go_with_their_bridge(world: World) -> None:
    async def body() -> None:
        first, second = await opened(world), await opened(world, settings("br1", "172.31.0.1/24"))
        await first.repair()  # what is there is not in the way
        assert re.findall(r"172\.3\d\.0\.2-\S+\.254", rules()) == ["172.30.0.2-172.30.0.254", "172.31.0.2-172.31.0.254"]
        await first.close()
        assert "172.30.0.2-" not in rules() and "172.31.0.2-172.31.0.254" in rules()
        # One that overlaps with another's does without.
        third = await opened(world, settings("br2", "172.31.0.1/16"))
        a, _ = await attached(world, third, address=IPv4Address("172.31.7.7"))
        assert world.reaches(world.server(world.outside, 81), a, OUTSIDE, 81) == HOST
        await third.close()
        assert "172.31.0.2-172.31.0.254" in rules() and "172.31.255.254" not in rules()
        await second.close()

    run(body)


def test_a_bridge_whose_rules_are_refused_leaves_nothing(world: World) -> None:
    async def body() -> None:
        before = rules()
        network = world.network(replace(CONFIG, host_address="no address"))
        await network.open()
        assert network.unavailable
        with RouteSocket() as routes:
            assert routes.link("br0") is None
        assert rules() == before
        assert sysctl.read("net/ipv4/ip_forward") == "0"

    run(body)
