"""ipvlan and 802.1Q from outside: the same table of who reaches whom, for this engine and for dockerd."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.dhcp import tiny_server
from harness.engine import API, Engine, wait_until
from harness.links import needs_ipvlan, needs_vlan
from harness.outside import HOST, HOST6, OUTSIDE, OUTSIDE6, Outside, client_seen
from harness.router import router
from harness.wharfd import Wharfd
from wharf.network.dhcp.message import CLIENT_ID, Kind

#: The wire's own ranges; containers get addresses that nobody else on it has.
WIRE = ("--subnet", "198.51.100.0/24", "--ip-range", "198.51.100.128/25", "--gateway", OUTSIDE)
WIRE6 = ("--ipv6", "--subnet", "2001:db8:1::/64", "--gateway", OUTSIDE6)
A, A6 = "198.51.100.200", "2001:db8:1::200"


@pytest.fixture(params=["wharfd", pytest.param("dockerd", marks=pytest.mark.peer)])
def either(request: pytest.FixtureRequest) -> Iterator[Engine]:
    yield from without_networks(request.getfixturevalue(request.param))


@pytest.fixture
def engine(wharfd: Wharfd) -> Iterator[Engine]:
    yield from without_networks(wharfd)


def without_networks(engine: Engine) -> Iterator[Engine]:
    yield engine
    engine.remove_all()
    engine.docker("network", "prune", "-f")
    wait_until(lambda: devices(engine) <= {"lo", "wharf0", "docker0"}, "no device is left")


def devices(engine: Engine) -> set[str]:
    return {link["ifname"] for link in json.loads(engine.inside("ip", "-j", "link", "show"))}


def make(engine: Engine, *flags: str, driver: str = "ipvlan", name: str = "lan") -> None:
    engine.docker("network", "create", "-d", driver, *flags, name)


def run(engine: Engine, name: str, *flags: str, network: str = "lan") -> None:
    engine.docker("run", "-d", "--name", name, "--network", network, *flags, "busybox", "sleep", "600")


def inside(engine: Engine, container: str, *words: str) -> str:
    """Output of a program of the host, in the container's network namespace."""
    return engine.inside("nsenter", "-t", str(engine.state(container)["Pid"]), "-n", *words)


def ways(engine: Engine, container: str, version: str = "-4") -> list[tuple[str, str]]:
    """Its default routes: gateway ("" for none) and device."""
    found = json.loads(inside(engine, container, "ip", "-j", version, "route", "show", "default"))
    return [(route.get("gateway", ""), route["dev"]) for route in found]


def pings(engine: Engine, container: str, *addresses: str) -> list[bool]:
    script = "; ".join(f"ping -c 1 -W 2 {address} >/dev/null && echo yes || echo no" for address in addresses)
    return [word == "yes" for word in engine.docker("exec", container, "sh", "-c", script).text.split()]


def created(engine: Engine, **body: Any) -> tuple[int, str]:
    answer = engine.request("POST", f"{API}/networks/create", {"Name": "more", "Driver": "ipvlan", **body})
    return answer.status, "" if answer.status == 201 else answer.message


@needs_ipvlan
def test_in_mode_l2_containers_are_on_the_wire(either: Engine) -> None:
    with Outside(either) as outside:
        make(either, "-o", "parent=up0", *WIRE, *WIRE6)
        run(either, "web", "--ip", A, "--ip6", A6, "-p", "8080:80")
        run(either, "client")
        assert (ways(either, "web"), ways(either, "web", "-6")) == ([(OUTSIDE, "eth0")], [(OUTSIDE6, "eth0")])
        at = either.inspect("web")["NetworkSettings"]["Networks"]["lan"]
        assert (at["IPAddress"], at["Gateway"], at["GlobalIPv6Address"], at["IPv6Gateway"], at["MacAddress"]) == (
            *(A, OUTSIDE, A6, OUTSIDE6, ""),
        )
        assert pings(either, "client", "web", A, A6, OUTSIDE, OUTSIDE6, HOST) == [True] * 5 + [False]
        assert client_seen(either, "web", outside.namespace, A, 80) == OUTSIDE
        assert client_seen(either, "web", outside.namespace, A6, 80) == OUTSIDE6
        assert client_seen(either, "web", outside.namespace, HOST, 8080) == "", "nothing is published"
        either.docker("network", "disconnect", "lan", "client")
        assert json.loads(inside(either, "client", "ip", "-j", "link"))[1:] == []
        assert client_seen(either, "web", outside.namespace, A, 80) == OUTSIDE
        either.remove_all()
        either.docker("network", "rm", "lan")


@needs_ipvlan
def test_in_mode_l3_the_device_routes(either: Engine) -> None:
    with Outside(either) as outside:
        subnets = ("--subnet", "172.30.5.0/24", "--subnet", "172.30.6.0/24", "--ipv6", "--subnet", "fd30::/64")
        make(either, "-o", "parent=up0", "-o", "ipvlan_mode=l3", *subnets)
        run(either, "web", "--ip", "172.30.5.5", "--ip6", "fd30::5")
        run(either, "client", "--ip", "172.30.6.6")
        assert (ways(either, "web"), ways(either, "web", "-6")) == ([("", "eth0")], [("", "eth0")])
        at = either.inspect("web")["NetworkSettings"]["Networks"]["lan"]
        assert (at["IPAddress"], at["Gateway"], at["IPv6Gateway"]) == ("172.30.5.5", "", "")
        link = json.loads(inside(either, "web", "ip", "-j", "link", "show", "eth0"))[0]
        assert "NOARP" in link["flags"]
        # From one subnet to the other; outside only once others know the way back, which leads by the host.
        assert pings(either, "client", "172.30.5.5", "fd30::5", OUTSIDE) == [True, True, False]
        assert client_seen(either, "web", outside.namespace, "172.30.5.5", 80) == ""
        for subnet, host in (("172.30.0.0/16", HOST), ("fd30::/64", HOST6)):
            either.inside("nsenter", f"--net={outside.namespace}", "ip", "route", "add", subnet, "via", host)
        assert pings(either, "client", OUTSIDE, OUTSIDE6) == [True, True]
        assert client_seen(either, "web", outside.namespace, "172.30.5.5", 80) == OUTSIDE
        assert client_seen(either, "web", outside.namespace, "fd30::5", 80) == OUTSIDE6
        either.remove_all()
        either.docker("network", "rm", "lan")


@needs_ipvlan
def test_internal_and_without_a_parent(either: Engine) -> None:
    with Outside(either):
        make(either, "--internal", "-o", "parent=up0", *WIRE)
        run(either, "web")
        assert ways(either, "web") == []
        either.docker("rm", "-f", "web")
        either.docker("network", "rm", "lan")
        make(either, "--internal", "--subnet", "172.30.5.0/24")
        own = f"di-{either.docker('network', 'inspect', '-f', '{{.Id}}', 'lan').text[:12]}"
        assert own in devices(either)
        run(either, "web", "--ip", "172.30.5.5")
        run(either, "client")
        assert ways(either, "web") == []
        assert pings(either, "client", "172.30.5.5", OUTSIDE, HOST) == [True, False, False]
        either.remove_all()
        either.docker("network", "rm", "lan")
        assert own not in devices(either)


@needs_ipvlan
def test_what_ipvlan_cannot_be_asked_for(either: Engine) -> None:
    with Outside(either):
        make(either, "-o", "parent=up0", *WIRE)
        lan = either.docker("network", "inspect", "-f", "{{.Id}}", "lan").text
        refused = (500, f"network di-{lan[:12]} is already using parent interface up0")
        assert created(either, Options={"parent": "up0"}) == refused
        assert created(either, Options={"parent": "up0", "ipvlan_mode": "l3"}) == refused
        assert created(either, Options={"parent": "up0.4095"}) == (
            500,
            "vlan id must be between 1-4094, received: 4095",
        )
        ran = either.docker(
            *("run", "--rm", "--network", "lan", "--mac-address", "02:42:00:00:00:07", "busybox", "true"), check=False
        )
        assert (ran.code, "ipvlan interfaces do not support custom mac address assignment" in ran.error) == (125, True)
        assert devices(either) <= {"lo", "wharf0", "docker0", "up0"}
        either.remove_all()
        either.docker("network", "rm", "lan")


@needs_vlan
def test_an_802_1q_parent_comes_and_goes_with_its_network(either: Engine) -> None:
    with Outside(either) as outside:

        def beyond(*words: str) -> None:
            either.inside("nsenter", f"--net={outside.namespace}", "ip", *words)

        either.inside("ip", "link", "add", "link", "up0", "name", "up0.20", "type", "vlan", "id", "20")
        either.inside("ip", "link", "set", "up0.20", "up")
        for tag in ("10", "20"):
            beyond("link", "add", "link", "eth0", "name", f"eth0.{tag}", "type", "vlan", "id", tag)
            beyond("addr", "add", f"172.30.{tag}.2/24", "dev", f"eth0.{tag}")
            beyond("link", "set", f"eth0.{tag}", "up")
            flags = ("-o", f"parent=up0.{tag}", "--subnet", f"172.30.{tag}.0/24", "--gateway", f"172.30.{tag}.2")
            make(either, *flags, driver="macvlan", name=f"tag-{tag}")
        run(either, "web", "--ip", "172.30.10.5", network="tag-10")
        run(either, "client", "--ip", "172.30.20.5", network="tag-20")
        assert client_seen(either, "web", outside.namespace, "172.30.10.5", 80) == "172.30.10.2"
        assert pings(either, "client", "172.30.20.2", "172.30.10.5") == [True, False]
        either.remove_all()
        either.docker("network", "rm", "tag-10", "tag-20")
        assert devices(either) & {"up0.10", "up0.20"} == {"up0.20"}
        either.inside("ip", "link", "del", "up0.20")


@needs_ipvlan
@needs_vlan
def test_it_outlives_the_daemon(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    with Outside(engine) as outside:
        make(engine, "-o", "parent=up0.10", "-o", "ipvlan_mode=l3s", "--subnet", "172.30.5.0/24")
        make(engine, "-o", "parent=up0.20", "--subnet", "172.30.20.0/24", driver="macvlan", name="tag")
        make(engine, "-o", "parent=up0.20", "--subnet", "172.30.21.0/24", driver="macvlan", name="more")
        run(engine, "web", "--ip", "172.30.5.5")
        run(engine, "near", "--ip", "172.30.20.5", network="tag")
        run(engine, "client")
        engine.docker("network", "connect", "tag", "client")
        reached = ("172.30.5.5", "172.30.20.5")
        assert pings(engine, "client", *reached) == [True, True]
        engine.kill9()
        engine.start()
        assert pings(engine, "client", *reached, "web") == [True] * 3
        assert engine.stop() == 0
        assert {"up0.10", "up0.20"} <= devices(engine)
        engine.start()
        engine.docker("network", "rm", "more")  # the device is another network's, too
        assert pings(engine, "client", *reached) == [True, True]
        engine.docker("restart", "-t", "0", "web")
        assert pings(engine, "client", *reached) == [True, True]
        assert "has active endpoints" in engine.docker("network", "rm", "lan", check=False).error
        engine.remove_all()
        engine.kill9()
        engine.start()
        engine.docker("network", "rm", "lan", "tag")
        assert devices(engine) == {"lo", "wharf0", "up0"}
        assert outside.namespace.exists()


@needs_ipvlan
def test_addresses_by_dhcp(engine: Engine) -> None:
    """All containers have the MAC address of their parent: servers tell them apart by what they call themselves."""
    with Outside(engine) as machine, tiny_server(machine.namespace) as server:
        make(engine, "--ipam-driver", "dhcp", "-o", "parent=up0")
        for name, address in (("one", "198.51.100.120"), ("two", "198.51.100.121")):
            server.address = address
            run(engine, name)
            assert engine.inspect(name)["NetworkSettings"]["Networks"]["lan"]["IPAddress"] == address
            assert pings(engine, name, OUTSIDE) == [True]
            if name == "one":
                engine.docker("rm", "-f", "one")  # the server lends one address at a time
        asked = [message for message in server.heard if message.kind is Kind.DISCOVER]
        assert len({message.hardware for message in asked}) == 1 and all(message.broadcast for message in asked)
        assert len({message.options[CLIENT_ID] for message in asked}) == 2
        # What is renewed comes to the container's own address.
        before = server.count(Kind.REQUEST)
        wait_until(lambda: server.count(Kind.REQUEST) > before + 2, "leases are renewed")
        assert ways(engine, "two") == [(OUTSIDE, "eth0")]
        engine.docker("rm", "-f", "two")
        wait_until(lambda: server.count(Kind.RELEASE) == 2, "both have given their addresses back")


@needs_ipvlan
def test_addresses_that_routers_advertise(engine: Engine) -> None:
    """All have their parent's MAC address, and yet addresses of their own."""
    with Outside(engine) as outside, tiny_server(outside.namespace) as server, router(outside.namespace):
        server.lasts, server.renews, server.rebinds = 3600, 1800, 3000
        make(engine, "--ipv6", "--ipam-driver", "dhcp", "-o", "parent=up0")
        for number, name in enumerate(("one", "two")):
            server.address = f"198.51.100.{120 + number}"
            run(engine, name)

        def told(name: str) -> str:
            found = engine.request("GET", f"{API}/containers/{name}/json").json["NetworkSettings"]["Networks"]
            return str(found["lan"]["GlobalIPv6Address"])

        wait_until(lambda: told("one") and told("two"), "both addresses are known")
        assert len({told("one"), told("two")}) == 2
        assert ways(engine, "one", "-6")[0][1] == "eth0"
        ping = ("exec", "one", "ping", "-6", "-c", "1", "-W", "5")
        assert engine.docker(*ping, told("two")).code == 0 == engine.docker(*ping, "two").code
        engine.remove_all()
