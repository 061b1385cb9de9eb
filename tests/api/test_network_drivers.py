"""IPv6, addresses, macvlan and configurations: with the docker CLI, real traffic, and a machine outside."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.engine import API, Ran, wait_until
from harness.outside import HOST, HOST6, Outside
from harness.serving import SERVE, serve, wait_for_server
from harness.wharfd import Wharfd

NEW = "/v1.54"


@pytest.fixture
def engine(wharfd: Wharfd) -> Iterator[Wharfd]:
    """A wharfd whose networks are removed after the test, and nothing of them is left in the kernel."""
    yield wharfd
    wharfd.remove_all()
    wharfd.docker("network", "prune", "-f")
    assert wharfd.docker("network", "ls", "-q", "--filter", "type=custom").text == ""
    left = json.loads(wharfd.inside("ip", "-j", "link", "show"))
    assert {link["ifname"] for link in left} <= {"lo", "wharf0", "up0"}
    assert not re.search(r"^table \S+ wharf_br", wharfd.nft_elements(), re.MULTILINE)


@pytest.fixture
def outside(engine: Wharfd) -> Iterator[Outside]:
    """On the host's wire."""
    with Outside(engine) as machine:
        yield machine
        engine.remove_all()


def run(engine: Wharfd, name: str, *flags: str, command: str = "sleep 600") -> None:
    engine.docker("run", "-d", "--name", name, *flags, "busybox", "sh", "-c", command)


def inside(engine: Wharfd, name: str, command: str) -> Ran:
    return engine.docker("exec", name, "sh", "-c", command, check=False)


def asked(run: Callable[..., str], address: str, port: int) -> str:
    """What a server sends to somebody on this side, "" for no answer in a second."""
    return run("busybox", "sh", "-c", f"busybox nc -w 1 {address} {port} </dev/null", check=False).strip()


def answers(run: Callable[..., str], address: str, port: int) -> bool:
    """Whether a server answers, once all on the way know of it."""
    wait_until(lambda: asked(run, address, port) == "hello", f"an answer at {address}")
    return True


def place(engine: Wharfd, container: str, network: str) -> dict[str, Any]:
    answer = engine.request("GET", f"{NEW}/containers/{container}/json").json
    found: dict[str, Any] = answer["NetworkSettings"]["Networks"][network]
    return found


def network(engine: Wharfd, name: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.request("GET", f"{NEW}/networks/{name}").json
    return found


def interface(engine: Wharfd, name: str, device: str = "eth0") -> list[str]:
    """The addresses that the kernel shows inside a container."""
    pid = engine.docker("inspect", "-f", "{{.State.Pid}}", name).text
    shown = json.loads(engine.inside("nsenter", "-t", pid, "-n", "ip", "-j", "addr", "show", "dev", device))
    return [f"{one['local']}/{one['prefixlen']}" for one in shown[0]["addr_info"] if one["scope"] == "global"]


def created(engine: Wharfd, **body: Any) -> tuple[int, Any]:
    answer = engine.request("POST", f"{NEW}/networks/create", {"Name": "front", **body})
    return answer.status, answer.json if answer.status == 201 else answer.message


def test_dual_stack(engine: Wharfd, outside: Outside) -> None:
    engine.docker("network", "create", "--ipv6", "front")
    shown = network(engine, "front")
    own = shown["IPAM"]["Config"][1]
    assert (shown["EnableIPv4"], shown["EnableIPv6"]) == (True, True)
    assert re.fullmatch(r"fd[0-9a-f]{2}:[0-9a-f:]+::/64", own["Subnet"])
    serve(engine, "web", "--network", "front", "-p", "8080:80")
    run(engine, "client", "--network", "front")
    at = place(engine, "web", "front")
    assert interface(engine, "web") == [f"{at['IPAddress']}/16", f"{at['GlobalIPv6Address']}/64"]
    assert (at["IPv6Gateway"], at["GlobalIPv6PrefixLen"]) == (own["Gateway"], 64)
    assert network(engine, "front")["Containers"][engine.docker("inspect", "-f", "{{.Id}}", "web").text] == {
        "Name": "web",
        "EndpointID": at["EndpointID"],
        "MacAddress": at["MacAddress"],
        "IPv4Address": f"{at['IPAddress']}/16",
        "IPv6Address": f"{at['GlobalIPv6Address']}/64",
    }
    # Names: A and AAAA, backwards, and the container's own file.
    answer = inside(engine, "client", "nslookup web").text
    assert at["IPAddress"] in answer and at["GlobalIPv6Address"] in answer
    assert "name = web.front" in inside(engine, "client", f"nslookup {at['GlobalIPv6Address']}").text
    assert f"{at['GlobalIPv6Address']}\t" in inside(engine, "web", "cat /etc/hosts").out.decode()
    # Traffic: neighbours, the way out, and published ports from everywhere.
    assert inside(engine, "client", f"nc -w 2 {at['GlobalIPv6Address']} 80 </dev/null").text == "hello"
    assert inside(engine, "client", "ping -6 -c 1 -W 20 2001:db8:1::2").code == 0
    for asking, address in ((outside.run, HOST6), (outside.run, HOST), (engine.inside, "::1")):
        assert answers(asking, address, 8080)
    outside.route(own["Subnet"])
    assert asked(outside.run, at["GlobalIPv6Address"], 80) == ""


def test_a_network_without_ipv4(engine: Wharfd) -> None:
    engine.wharf("network", "create", "--ipv4=false", "--ipv6", "--subnet", "fd77::/64", "front")
    serve(engine, "web", "--network", "front", "--ip6", "fd77::77", "-p", "8081:80")
    run(engine, "client", "--network", "front")
    at = place(engine, "web", "front")
    assert (at["IPAddress"], at["Gateway"], at["GlobalIPv6Address"]) == ("", "", "fd77::77")
    assert interface(engine, "web") == ["fd77::77/64"]
    assert inside(engine, "client", "ping -6 -c 1 -W 20 web").code == 0
    assert inside(engine, "client", "nslookup -type=a web").text.count("Address") == 1  # the server's own
    # From IPv4 too: the shim forwards what comes to the host.
    for address in ("127.0.0.1", "::1"):
        assert answers(engine.inside, address, 8081)
    assert "172.17" not in inside(engine, "web", "ip route").text
    assert "default via fd77::1" in inside(engine, "web", "ip -6 route").text


def test_the_way_out_follows_priorities_and_names(engine: Wharfd) -> None:
    """As dockerd 28: it moves at once, also of a container that runs, and published ports with it."""
    for name, subnet in (("b-net", "10.102.0.0/24"), ("a-net", "10.101.0.0/24"), ("c-net", "10.103.0.0/24")):
        engine.docker("network", "create", "--subnet", subnet, name)

    def way() -> str:
        return inside(engine, "web", "ip route").text.splitlines()[0].split()[2]

    serve(engine, "web", "--network", "b-net", "-p", "8082:80")
    assert way() == "10.102.0.1"
    connect = f"{NEW}/networks/c-net/connect"
    assert engine.request("POST", connect, {"Container": "web", "EndpointConfig": {"GwPriority": -1}}).status == 200
    assert way() == "10.102.0.1"
    engine.docker("network", "connect", "a-net", "web")
    assert way() == "10.101.0.1"
    assert answers(engine.inside, "127.0.0.1", 8082)
    assert engine.docker("port", "web", "80/tcp").text.splitlines()[0] == "0.0.0.0:8082"
    engine.docker("network", "disconnect", "a-net", "web")
    engine.docker("network", "disconnect", "b-net", "web")
    assert way() == "10.103.0.1"
    assert answers(engine.inside, "127.0.0.1", 8082)
    engine.docker("network", "disconnect", "c-net", "web")
    assert "default" not in inside(engine, "web", "ip route").text
    # On no network at all it starts again, with its loopback only; and comes back.
    engine.docker("restart", "-t", "0", "web")
    assert engine.request("GET", f"{NEW}/containers/web/json").json["NetworkSettings"]["Networks"] == {}
    assert inside(engine, "web", "ls /sys/class/net | xargs").text == "lo"
    assert inside(engine, "web", "ping -c 1 -W 1 127.0.0.1").code == 0
    engine.docker("network", "connect", "c-net", "web")
    assert way() == "10.103.0.1"
    # Of equals, one of both versions comes before its name's turn; priorities come before that.
    engine.docker("network", "create", "--ipv6", "--subnet", "10.104.0.0/24", "--subnet", "fd04::/64", "z-net")
    engine.docker("network", "connect", "z-net", "web")
    assert way() == "10.104.0.1"
    engine.docker("network", "disconnect", "c-net", "web")
    assert engine.request("POST", connect, {"Container": "web", "EndpointConfig": {"GwPriority": 1}}).status == 200
    assert way() == "10.103.0.1" and "fd04::1" in inside(engine, "web", "ip -6 route show default").text


def test_a_container_of_no_network_gets_one_after_all(engine: Wharfd) -> None:
    engine.docker("network", "create", "front")
    run(engine, "web", "--network", "front")
    run(engine, "alone", "--network", "none")
    refused = engine.docker("network", "connect", "front", "alone", check=False)
    assert "private (none) mode" in refused.error
    engine.docker("network", "disconnect", "none", "alone")
    engine.docker("network", "connect", "front", "alone")
    for _ in range(2):
        assert inside(engine, "alone", "ping -c 1 -W 20 web").code == 0
        engine.docker("restart", "-t", "0", "alone")
    engine.docker("network", "disconnect", "front", "alone")
    engine.docker("network", "connect", "none", "alone")
    assert list(engine.request("GET", f"{NEW}/networks/none").json["Containers"]) == [engine.inspect("alone")["Id"]]
    engine.docker("restart", "-t", "0", "alone")
    assert inside(engine, "alone", "ls /sys/class/net | xargs").text == "lo"


def test_a_network_is_asked_for_by_its_scope(engine: Wharfd) -> None:
    engine.docker("network", "create", "front")

    def answer(query: str) -> tuple[int, str]:
        found = engine.request("GET", f"{NEW}/networks/front?{query}")
        return found.status, found.json.get("message", "")

    for query in ("scope=local", "scope=", "verbose=true", "verbose=0", "verbose="):
        assert answer(query) == (200, ""), query
    assert answer("scope=swarm") == (404, "network front not found")
    wrong = 'invalid value for verbose: x: strconv.ParseBool: parsing "x": invalid syntax'
    assert answer("verbose=x") == (400, wrong)


def test_what_an_endpoint_is_told(engine: Wharfd) -> None:
    engine.docker("network", "create", "--ipv6", "--subnet", "10.101.0.0/24", "front")
    options = {
        "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0",
        "com.docker.network.endpoint.ifname": "wan0",
    }
    flag = "name=front,alias=www,ip=10.101.0.9,link-local-ip=169.254.7.7,mac-address=02:42:00:00:00:77"
    words = ",".join(f'"driver-opt={name}={value}"' for name, value in options.items())
    engine.wharf("run", "-d", "--name", "web", "--network", f"{flag},{words}", "busybox", "sleep", "600")
    assert interface(engine, "web", "wan0")[0] == "10.101.0.9/24"
    assert inside(engine, "web", "cat /proc/sys/net/ipv4/conf/wan0/log_martians").text == "1"
    assert inside(engine, "web", "cat /sys/class/net/wan0/address").text == "02:42:00:00:00:77"
    assert "169.254.7.7" in inside(engine, "web", "ip addr show wan0").text
    at = place(engine, "web", "front")
    assert at["DriverOpts"] == options
    assert at["DNSNames"][:2] == ["web", "www"]
    assert at["IPAMConfig"] == {"IPv4Address": "10.101.0.9", "LinkLocalIPs": ["169.254.7.7"]}
    # Docker's own client writes options in small letters, and IFNAME with them.
    given = "name=front,driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1"
    shown = engine.docker(
        "run", "--rm", "--network", given, "busybox", "cat", "/proc/sys/net/ipv4/conf/eth0/log_martians"
    )
    assert shown.text == "1"
    engine.docker("network", "create", "back")
    engine.docker("network", "connect", "back", "web")
    assert inside(engine, "web", "ls /sys/class/net | xargs").text == "eth0 lo wan0"
    bad = {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.nope=1"}
    engine.docker("network", "disconnect", "back", "web")
    answer = engine.request(
        "POST", f"{NEW}/networks/back/connect", {"Container": "web", "EndpointConfig": {"DriverOpts": bad}}
    )
    assert (answer.status, answer.message) == (500, "/proc/sys/net/ipv4/conf/eth0/nope is not a sysctl file")
    assert inside(engine, "web", "ls /sys/class/net | xargs").text == "lo wan0"
    assert network(engine, "back")["Status"]["IPAM"]["Subnets"].popitem()[1]["IPsInUse"] == 3


def test_sysctls_of_an_interface(engine: Wharfd) -> None:
    name = "net.ipv4.conf.eth0.log_martians"
    body = {
        "Image": "busybox",
        "Cmd": ["cat", f"/proc/sys/{name.replace('.', '/')}"],
        "HostConfig": {"Sysctls": {name: "1"}},
    }
    made = engine.request("POST", "/v1.47/containers/create?name=old", body)
    assert made.status == 201 and made.json["Warnings"][0].startswith(f'Migrated sysctl "{name}"')
    assert engine.docker("start", "-a", "old").text == "1"
    refused = engine.docker("run", "--rm", "--sysctl", f"{name}=1", "busybox", "true", check=False)
    assert refused.code == 125 and "must be supplied using driver option" in refused.error
    unknown = engine.docker("run", "--rm", "--sysctl", "net.nope=1", "busybox", "true", check=False)
    assert "sysctl net/nope=1: No such file or directory" in unknown.error


def test_a_connection_tells_first_of_the_container_that_is_not_there(engine: Wharfd) -> None:
    for verb, flags, message in (
        ("connect", (), "No such container: nobody"),
        ("disconnect", (), "No such container: nobody"),
        ("disconnect", ("-f",), "network nowhere not found"),
    ):
        ran = engine.docker("network", verb, *flags, "nowhere", "nobody", check=False)
        assert ran.error.removesuffix("exit status 1").strip() == f"Error response from daemon: {message}"


def test_macvlan(engine: Wharfd, outside: Outside) -> None:
    flags = ("-d", "macvlan", "-o", "parent=up0", "--subnet", "198.51.100.0/24", "--ip-range", "198.51.100.128/25")
    engine.docker("network", "create", *flags, "--gateway", "198.51.100.2", "lan")
    serve(engine, "web", "--network", "lan", "-p", "8080:80")
    run(engine, "client", "--network", "lan", "--ip", "198.51.100.200")
    at = place(engine, "web", "lan")
    assert at["IPAddress"] == "198.51.100.128"
    assert interface(engine, "web") == ["198.51.100.128/24"]
    assert inside(engine, "client", "nc -w 2 web 80 </dev/null").text == "hello"
    assert answers(outside.run, "198.51.100.128", 80)
    assert inside(engine, "client", "ping -c 1 -W 20 198.51.100.2").code == 0
    # Nothing is published: whoever is on the wire reaches every port, and the host's ports are its own.
    assert engine.request("GET", f"{API}/containers/web/json").json["NetworkSettings"]["Ports"] in (
        {},
        {"80/tcp": None},
    )
    # It starts again with the same address at once.
    for _ in range(3):
        engine.docker("restart", "-t", "0", "client")
    assert interface(engine, "client") == ["198.51.100.200/24"]
    engine.docker("network", "disconnect", "lan", "client")
    assert inside(engine, "client", "ls /sys/class/net | xargs").text == "lo"
    engine.docker("network", "connect", "--ip", "198.51.100.201", "lan", "client")
    assert interface(engine, "client") == ["198.51.100.201/24"]


def test_a_network_without_addresses(engine: Wharfd, outside: Outside) -> None:
    """As dockerd 28: containers get a link, and bring their own addresses."""
    asked = {"Driver": "macvlan", "EnableIPv4": False, "Options": {"parent": "up0"}}
    assert created(engine, **asked, IPAM={"Driver": "null"})[0] == 201
    shown = network(engine, "front")
    assert (shown["EnableIPv4"], shown["EnableIPv6"], shown["IPAM"]["Driver"]) == (False, False, "null")
    assert not shown["IPAM"]["Config"]
    run(engine, "web", "--network", "front", "--cap-add", "NET_ADMIN")
    at = place(engine, "web", "front")
    assert (at["IPAddress"], at["Gateway"], at["IPPrefixLen"]) == ("", "", 0)
    assert inside(engine, "web", "cat /sys/class/net/eth0/address").text == at["MacAddress"]
    assert interface(engine, "web") == [] and inside(engine, "web", "ip route").text == ""
    assert inside(engine, "web", "ip addr add 198.51.100.77/24 dev eth0 && ping -c 1 -W 20 198.51.100.2").code == 0
    refused = engine.docker("create", "--network", "front", "--ip", "198.51.100.9", "busybox", check=False)
    assert "supported only when connecting to networks with user configured subnets" in refused.error
    assert created(engine, Name="x", IPAM={"Driver": "null"}) == (400, "ipv4 pool is empty")


def test_networks_on_a_device_that_are_refused(engine: Wharfd, outside: Outside) -> None:
    def parent(name: str, driver: str = "macvlan", **options: str) -> tuple[int, Any]:
        return created(engine, Driver=driver, Options={"parent": name, **options})

    assert parent("nope0") == (500, "invalid subinterface vlan name nope0, example formatting is eth0.10")
    assert parent("up0.x") == (500, "unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)")
    assert parent("lo") == (500, "loopback interface is not a valid macvlan parent link")
    assert parent("up0", macvlan_mode="x")[0] == 500
    assert parent("up0", "ipvlan", ipvlan_mode="x")[0] == 500
    assert created(engine, Driver="macvlan", Options={"parent": "up0", "macvlan_mode": "passthru"})[0] == 201
    status, message = created(engine, Name="other", Driver="macvlan", Options={"parent": "up0"})
    assert (status, message.endswith("is already using parent interface up0 in mode passthru")) == (500, True)
    assert engine.docker("network", "ls", "-q", "--filter", "type=custom").text.count("\n") == 0


def test_all_drivers_are_listed(engine: Wharfd) -> None:
    assert engine.docker("info", "-f", "{{.Plugins.Network}}").text == "[bridge host ipvlan macvlan null]"


def test_an_internal_macvlan_needs_no_device(engine: Wharfd) -> None:
    engine.docker("network", "create", "-d", "macvlan", "--internal", "alone")
    serve(engine, "web", "--network", "alone")
    run(engine, "client", "--network", "alone")
    assert inside(engine, "client", "nc -w 2 web 80 </dev/null").text == "hello"
    assert "default" not in inside(engine, "client", "ip route").text


def test_configurations(engine: Wharfd) -> None:
    engine.docker(
        "network",
        "create",
        "--config-only",
        "--subnet",
        "10.101.0.0/24",
        "-o",
        "com.docker.network.driver.mtu=1400",
        "cfg",
    )
    engine.docker("network", "create", "--config-from", "cfg", "front")
    assert network(engine, "cfg")["Driver"] == "null" and network(engine, "cfg")["ConfigOnly"]
    front = network(engine, "front")
    assert (front["ConfigFrom"], front["IPAM"]["Config"][0]["Subnet"]) == ({"Network": "cfg"}, "10.101.0.0/24")
    run(engine, "web", "--network", "front")
    assert inside(engine, "web", "cat /sys/class/net/eth0/mtu").text == "1400"
    refused = engine.docker("network", "rm", "cfg", check=False).error
    assert 'error while removing network: configuration network "cfg" is in use' in refused
    for words in (("network", "connect", "cfg", "web"), ("run", "--rm", "--network", "cfg", "busybox", "true")):
        assert "cannot create endpoint on configuration-only network" in engine.docker(*words, check=False).error
    assert created(engine, Name="x", ConfigFrom={"Network": "nope"}) == (
        404,
        'configuration network "nope" does not exist',
    )
    engine.docker("rm", "-f", "web")
    engine.docker("network", "rm", "front", "cfg")


def test_addresses_that_run_out(engine: Wharfd) -> None:
    asked = ("--subnet", "10.101.0.0/29", "--aux-address", "printer=10.101.0.6")
    id = engine.docker("network", "create", *asked, "small").text
    for name in ("aa", "bb", "cc", "dd"):
        run(engine, name, "--network", "small")
    addresses = [place(engine, name, "small")["IPAddress"] for name in ("aa", "bb", "cc", "dd")]
    assert addresses == ["10.101.0.2", "10.101.0.3", "10.101.0.4", "10.101.0.5"]
    assert network(engine, "small")["Status"]["IPAM"]["Subnets"] == {
        "10.101.0.0/29": {"IPsInUse": 8, "DynamicIPsAvailable": 0}
    }
    assert "Status" not in engine.request("GET", "/v1.51/networks/small").json
    full = engine.docker("run", "--rm", "--network", "small", "busybox", "true", check=False).error
    assert f"no available IPv4 addresses on this network's address pools: small ({id})" in full
    engine.docker("rm", "-f", "bb")
    run(engine, "ee", "--network", "small")
    assert place(engine, "ee", "small")["IPAddress"] == "10.101.0.3"
    taken = engine.docker("run", "--rm", "--network", "small", "--ip", "10.101.0.3", "busybox", "true", check=False)
    assert "Address already in use" in taken.error


def test_requests_that_are_refused_leave_nothing(engine: Wharfd) -> None:
    before = engine.inside("ip", "-j", "link", "show")
    subnet = {"Subnet": "10.101.0.0/24"}
    for body, status, message in (
        ({"EnableIPv4": False}, 400, "IPv4 or IPv6 must be enabled"),
        ({"IPAM": {"Config": [subnet, subnet]}}, 403, "bridge driver doesn't support multiple subnets"),
        (
            {"IPAM": {"Config": [{**subnet, "Gateway": "fd00::1"}]}},
            400,
            "invalid network config:\ninvalid gateway fd00::1: parent subnet is an IPv4 block",
        ),
        (
            {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "fd00::%x }\nflush ruleset\n/64"}]}},
            400,
            "invalid network config:\ninvalid subnet fd00::%x }\nflush ruleset\n/64: invalid CIDR block notation",
        ),
        ({"Driver": "overlay"}, 403, None),
        ({"Options": {"com.docker.network.driver.mtu": "-5"}}, 400, "invalid MTU number: -5"),
        ({"Options": {"com.docker.network.bridge.name": "lo"}}, 500, None),
        ({"Options": {"com.docker.network.bridge.name": "wharf0"}}, 403, None),
        ({"Options": {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}}, 500, None),
    ):
        found = created(engine, **body)
        assert found[0] == status and message in (None, found[1]), (body, found)
    assert engine.inside("ip", "-j", "link", "show") == before
    assert engine.docker("network", "ls", "-q", "--filter", "type=custom").text == ""
    several = {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"a": {}, "b": {}}}}
    old = engine.request("POST", "/v1.43/containers/create?name=x", several)
    assert (old.status, old.message) == (400, "Container cannot be created with multiple network endpoints: a, b")


def test_a_subnet_that_the_host_uses_is_warned_of(engine: Wharfd, outside: Outside) -> None:
    status, answer = created(engine, IPAM={"Config": [{"Subnet": "198.51.100.0/25"}]})
    assert status == 201
    assert answer["Warning"] == "subnet 198.51.100.0/25 overlaps 198.51.100.0/24, which this host has a route to"
    engine.docker("network", "rm", "front")
    engine.inside("ip", "route", "add", "172.18.0.0/16", "dev", "up0")
    engine.docker("network", "create", "front")
    assert network(engine, "front")["IPAM"]["Config"][0]["Subnet"] == "172.19.0.0/16"


def test_gateway_modes_and_other_options(engine: Wharfd, outside: Outside) -> None:
    prefix = "com.docker.network.bridge."
    engine.docker("network", "create", "--subnet", "10.101.0.0/24", "-o", f"{prefix}gateway_mode_ipv4=routed", "open")
    both = f"{SERVE} & {SERVE.replace('80', '81')}"
    run(engine, "web", "--network", "open", "-p", "8083:80", command=both)
    for port in (80, 81):
        wait_for_server(engine, "web", port)
    outside.route("10.101.0.0/24")
    assert answers(outside.run, "10.101.0.2", 80)
    assert [asked(outside.run, "10.101.0.2", 81), asked(outside.run, HOST, 8083)] == ["", ""]
    ports = engine.request("GET", f"{API}/containers/web/json").json["NetworkSettings"]["Ports"]
    assert ports["80/tcp"][0] == {"HostIp": "0.0.0.0", "HostPort": ""}
    engine.docker("network", "create", "--internal", "-o", f"{prefix}gateway_mode_ipv4=isolated", "closed")
    assert "Gateway" not in network(engine, "closed")["IPAM"]["Config"][0]
    bridge = f"br-{network(engine, 'closed')['Id'][:12]}"
    assert json.loads(engine.inside("ip", "-j", "-4", "addr", "show", "dev", bridge)) in ([], [{}])


def test_options_of_the_daemon(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd(
        *("--ipv6", "--fixed-cidr-v6", "fd55::/64", "--bip", "10.55.0.1/24", "--default-gateway", "10.55.0.9"),
        *("--default-address-pool", "base=10.200.0.0/24,size=24", "--default-address-pool", "base=fd66::/48,size=64"),
        *("--default-network-opt", "bridge=com.docker.network.driver.mtu=1350"),
    )
    run(engine, "plain")
    at = place(engine, "plain", "bridge")
    assert (at["IPAddress"], at["GlobalIPv6Address"], at["IPv6Gateway"]) == ("10.55.0.2", "fd55::2", "fd55::1")
    assert interface(engine, "plain") == ["10.55.0.2/24", "fd55::2/64"]
    assert "default via 10.55.0.9" in inside(engine, "plain", "ip route").text
    engine.docker("network", "create", "--ipv6", "front")
    found = network(engine, "front")
    assert [config["Subnet"] for config in found["IPAM"]["Config"]] == ["10.200.0.0/24", "fd66::/64"]
    assert found["Options"] == {"com.docker.network.driver.mtu": "1350"}
    assert created(engine, Name="more") == (400, "all predefined address pools have been fully subnetted")
    assert created(engine, Name="more", EnableIPv4=False, EnableIPv6=True)[0] == 201
    engine.restart()
    assert network(engine, "bridge")["EnableIPv6"]
    assert inside(engine, "plain", "ip -6 route").text.count("default via fd55::1") == 1
    assert engine.docker("network", "rm", "front", "more").code == 0
