"""Users' networks from outside: with the real docker CLI, and real traffic between containers."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.engine import API, Ran, wait_until
from harness.serving import serve
from harness.wharfd import Wharfd


@pytest.fixture
def networks(wharfd: Wharfd) -> Iterator[Wharfd]:
    """A wharfd whose networks are removed after the test."""
    yield wharfd
    wharfd.remove_all()
    wharfd.docker("network", "prune", "-f")
    assert wharfd.docker("network", "ls", "-q", "--filter", "type=custom").text == ""
    assert bridges(wharfd) == ["wharf0"]
    tables = re.findall(r"^table \S+ wharf_\S+", wharfd.nft_elements(), re.MULTILINE)
    shared = ["table inet wharf_user", *(f"table ip wharf_{name}" for name in ("forwarding", "passing", "sources"))]
    assert sorted(tables) == [*shared, "table ip wharf_wharf0"]


def bridges(wharfd: Wharfd) -> list[str]:
    lines = wharfd.inside("ip", "-o", "link", "show", "type", "bridge").splitlines()
    return sorted(line.split(":")[1].strip() for line in lines)


def run(wharfd: Wharfd, name: str, *flags: str, command: str = "sleep 600") -> None:
    wharfd.docker("run", "-d", "--name", name, *flags, "busybox", "sh", "-c", command)


def inside(wharfd: Wharfd, name: str, command: str) -> Ran:
    return wharfd.docker("exec", name, "sh", "-c", command, check=False)


def resolved(wharfd: Wharfd, asking: str, name: str) -> list[str]:
    """The addresses that a container finds behind a name."""
    answer = inside(wharfd, asking, f"nslookup {name}")
    return re.findall(r"^Address: (\S+)$", answer.text, re.MULTILINE) if answer.code == 0 else []


def address(wharfd: Wharfd, name: str, network: str) -> str:
    return wharfd.docker("inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}', name).text


def test_containers_find_one_another_by_name_and_alias(networks: Wharfd) -> None:
    networks.docker("network", "create", "front")
    serve(networks, "web", "--network", "front", "--network-alias", "www")
    run(networks, "client", "--network", "front")
    at = address(networks, "web", "front")
    id = networks.docker("inspect", "-f", "{{.Id}}", "web").text[:12]
    for name in ("web", "WEB", "www", "web.front", id):
        assert resolved(networks, "client", name) == [at], name
    assert inside(networks, "client", "nc -w 2 web 80 </dev/null").text == "hello"
    assert "name = web.front" in inside(networks, "client", f"nslookup {at}").text
    assert resolved(networks, "web", "client") == [address(networks, "client", "front")]


def test_networks_are_apart(networks: Wharfd) -> None:
    for name in ("front", "back"):
        networks.docker("network", "create", name)
    serve(networks, "web", "--network", "front")
    run(networks, "other", "--network", "back")
    run(networks, "plain")
    at = address(networks, "web", "front")
    for stranger in ("other", "plain"):
        assert resolved(networks, stranger, "web") == []
        assert inside(networks, stranger, f"ping -c 1 -W 1 {at}").code != 0
        assert inside(networks, stranger, f"nc -w 1 {at} 80 </dev/null").text == ""
    assert "127.0.0.11" not in inside(networks, "plain", "cat /etc/resolv.conf").text


def test_the_hosts_address_is_that_on_the_default_network(networks: Wharfd) -> None:
    """As with dockerd: what listens on the default bridge's address is reached from all networks."""
    networks.docker("network", "create", "front")
    networks.docker("network", "create", "--internal", "inner")
    host = networks.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge").text
    for network in ("bridge", "front", "inner", "none"):
        run(networks, f"on-{network}", "--network", network, "--add-host", "up:host-gateway")
        assert f"{host}\tup" in inside(networks, f"on-{network}", "cat /etc/hosts").text.splitlines()
    assert inside(networks, "on-front", "ping -c 1 -W 20 up").code == 0


def test_published_ports(networks: Wharfd) -> None:
    networks.docker("network", "create", "front")
    serve(networks, "web", "--network", "front", "-p", "8090:80")
    ask = "busybox nc -w 2 {} 8090 </dev/null"
    for host in ("127.0.0.1", "::1"):
        wait_until(
            lambda host=host: networks.inside("busybox", "sh", "-c", ask.format(host), check=False).strip() == "hello",
            f"an answer on {host}",
        )
    assert "0.0.0.0:8090->80/tcp" in networks.docker("ps", "--format", "{{.Ports}}").text
    refused = networks.docker("run", "--rm", "-p", "8090:80", "busybox", "true", check=False)
    assert "port is already allocated" in refused.error  # also by a container of another network
    networks.docker("rm", "-f", "web")
    networks.docker("run", "--rm", "-p", "8090:80", "busybox", "true")


def test_connect_and_disconnect_while_it_runs(networks: Wharfd) -> None:
    networks.docker("network", "create", "front")
    serve(networks, "web", "--network", "front")
    run(networks, "client")
    networks.docker("network", "connect", "--alias", "me", "front", "client")
    assert inside(networks, "client", "nc -w 2 web 80 </dev/null").text == "hello"
    at = address(networks, "client", "front")
    assert resolved(networks, "web", "me") == [at]
    assert at in inside(networks, "client", "cat /etc/hosts").text
    assert "eth1" in inside(networks, "client", "ls /sys/class/net").text
    again = networks.docker("network", "connect", "front", "client", check=False)
    assert "endpoint with name client already exists in network front" in again.error
    networks.docker("network", "disconnect", "front", "client")
    assert inside(networks, "client", "ls /sys/class/net | xargs").text == "eth0 lo"
    assert at not in inside(networks, "client", "cat /etc/hosts").text
    assert resolved(networks, "web", "me") == []
    not_there = networks.docker("network", "disconnect", "front", "client", check=False)
    assert "is not connected to network front" in not_there.error


def test_links_name_others_for_one_container_only(networks: Wharfd) -> None:
    id = networks.docker("network", "create", "front").text
    run(networks, "web", "--network", id)
    run(networks, "client")
    networks.docker("network", "connect", "--link", "web:database", "front", "client")
    run(networks, "other", "--network", id[:12])
    assert resolved(networks, "client", "database") == [address(networks, "web", "front")]
    assert resolved(networks, "other", "database") == []
    assert resolved(networks, "other", "web") == [address(networks, "web", "front")]
    networks.docker("rename", "web", "renamed")
    assert resolved(networks, "other", "renamed") == [address(networks, "renamed", "front")]
    assert resolved(networks, "other", "web") == []


def test_the_way_out_follows_when_its_network_goes(networks: Wharfd) -> None:
    networks.docker("network", "create", "--subnet", "10.101.0.0/24", "front")
    networks.docker("network", "create", "--internal", "inner")
    serve(networks, "web", "-p", "8092:80")
    networks.docker("network", "connect", "inner", "web")
    networks.docker("network", "connect", "front", "web")
    assert "default via 172.17" in inside(networks, "web", "ip route").text
    networks.docker("network", "disconnect", "bridge", "web")
    assert "default via 10.101.0.1" in inside(networks, "web", "ip route").text
    ask = "busybox nc -w 2 127.0.0.1 8092 </dev/null"
    wait_until(lambda: networks.inside("busybox", "sh", "-c", ask, check=False).strip() == "hello", "an answer")
    assert networks.docker("port", "web", "80/tcp").text.splitlines()[0] == "0.0.0.0:8092"
    networks.docker("network", "disconnect", "front", "web")
    assert "default" not in inside(networks, "web", "ip route").text
    assert networks.docker("port", "web").text == "" and networks.inside("busybox", "sh", "-c", ask, check=False) == ""
    networks.docker("network", "disconnect", "inner", "web")
    networks.docker("network", "connect", "front", "web")
    for address in ("127.0.0.1", "::1"):  # by the kernel, and by the shim, which has learnt the new address
        ask = f"busybox nc -w 2 {address} 8092 </dev/null"
        wait_until(lambda ask=ask: "hello" in networks.inside("busybox", "sh", "-c", ask, check=False), "an answer")
    assert networks.docker("port", "web", "80/tcp").text.splitlines() == ["0.0.0.0:8092", "[::]:8092"]


def test_a_connection_that_fails_and_a_disconnection_that_half_succeeds(networks: Wharfd) -> None:
    """Of a container that has taken addresses away from itself, so that ways out by them cannot be made."""
    networks.docker("network", "create", "--ipv6", "six")
    networks.docker("network", "create", "four")
    serve(networks, "web", "--network", "six", "-p", "8080:80")

    def inner(*words: str) -> str:
        return networks.inside("nsenter", f"--net={networks.network_of('web')}", "ip", *words)

    def asked(verb: str, **more: object) -> int:
        body = {"Container": "web", **more}
        return networks.request("POST", f"/v1.54/networks/four/{verb}", body).status

    def reached() -> bool:
        return inside(networks, "client", "nc -w 2 172.17.0.1 8080 </dev/null").text == "hello"

    run(networks, "client")
    before = inner("-4", "route")
    inner("-6", "route", "del", "default")
    inner("-6", "addr", "flush", "dev", "eth0", "scope", "global")
    assert asked("connect", EndpointConfig={"GwPriority": 1}) == 500
    assert inner("-4", "route") == before and "eth1" not in inner("link")
    assert list(networks.inspect("web")["NetworkSettings"]["Networks"]) == ["six"] and reached()

    assert asked("connect") == 200
    inner("addr", "flush", "dev", "eth0")
    assert asked("disconnect") == 200
    assert "eth1" not in inner("link")
    assert list(networks.inspect("web")["NetworkSettings"]["Networks"]) == ["six"]


def test_connecting_what_does_not_run(networks: Wharfd) -> None:
    networks.docker("network", "create", "--subnet", "10.101.0.0/24", "front")
    networks.docker("create", "--name", "web", "busybox", "sleep", "600")
    networks.docker("network", "connect", "--ip", "10.101.0.77", "front", "web")
    networks.docker("start", "web")
    assert address(networks, "web", "front") == "10.101.0.77"
    assert address(networks, "web", "bridge") != ""
    networks.docker("stop", "-t", "0", "web")
    networks.docker("network", "disconnect", "bridge", "web")
    networks.docker("start", "web")
    assert inside(networks, "web", "ls /sys/class/net | xargs").text == "eth0 lo"
    assert address(networks, "web", "front") == "10.101.0.77"


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_who_does_not_run_leaves_a_network_that_is_gone(networks: Wharfd, force: tuple[str, ...]) -> None:
    networks.docker("network", "create", "front")
    networks.docker("create", "--name", "web", "--network", "front", "busybox", "sleep", "600")
    networks.docker("network", "rm", "front")
    assert "network front not found" in networks.docker("start", "web", check=False).error
    networks.docker("network", "disconnect", *force, "front", "web")
    again = networks.docker("network", "disconnect", *force, "front", "web", check=False)
    assert "is not connected to the network front" in again.error
    networks.docker("network", "connect", "bridge", "web")
    networks.docker("start", "web")
    running = networks.docker("network", "disconnect", "front", "web", check=False)
    assert "network front not found" in running.error


def test_several_networks_addresses_and_a_mac(networks: Wharfd) -> None:
    networks.docker("network", "create", "--subnet", "10.101.0.0/24", "--ip-range", "10.101.0.128/25", "front")
    networks.docker("network", "create", "--subnet", "10.102.0.0/24", "--gateway", "10.102.0.254", "back")
    body = {
        "Image": "busybox",
        "Cmd": ["sleep", "600"],
        "HostConfig": {"NetworkMode": "front"},
        "NetworkingConfig": {
            "EndpointsConfig": {
                "front": {"MacAddress": "02:42:00:00:00:99"},
                "back": {"IPAMConfig": {"IPv4Address": "10.102.0.9"}, "GwPriority": 5},
            }
        },
    }
    assert networks.request("POST", "/v1.44/containers/create?name=web", body).status == 201
    networks.docker("start", "web")
    assert address(networks, "web", "front").startswith("10.101.0.1")
    assert address(networks, "web", "back") == "10.102.0.9"
    assert inside(networks, "web", "cat /sys/class/net/eth0/address").text == "02:42:00:00:00:99"
    assert "default via 10.102.0.254 dev eth1" in inside(networks, "web", "ip route").text
    body["NetworkingConfig"] = {"EndpointsConfig": {"back": {}}}
    assert networks.request("POST", "/v1.44/containers/create?name=other", body).status == 201
    networks.docker("start", "other")
    assert list(networks.inspect("other")["NetworkSettings"]["Networks"]) == ["back"], "the mode is no endpoint more"


def test_an_internal_network(networks: Wharfd) -> None:
    networks.docker("network", "create", "--internal", "inner")
    serve(networks, "web", "--network", "inner")
    run(networks, "client", "--network", "inner")
    run(networks, "outside")
    assert inside(networks, "client", "nc -w 2 web 80 </dev/null").text == "hello"
    assert "default" not in inside(networks, "client", "ip route").text
    gateway = networks.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "inner").text
    inside(networks, "client", f"ip route add default via {gateway}")
    assert inside(networks, "client", f"ping -c 1 -W 1 {address(networks, 'outside', 'bridge')}").code != 0


def test_icc_can_be_switched_off(networks: Wharfd) -> None:
    networks.docker("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "quiet")
    serve(networks, "web", "--network", "quiet")
    run(networks, "client", "--network", "quiet")
    assert inside(networks, "client", "nc -w 1 web 80 </dev/null").text == ""


def test_options_name_the_device_and_its_size(networks: Wharfd) -> None:
    options = ("com.docker.network.bridge.name=br-mine", "com.docker.network.driver.mtu=1400")
    networks.docker("network", "create", *(word for option in options for word in ("-o", option)), "named")
    assert "br-mine" in bridges(networks)
    run(networks, "web", "--network", "named")
    assert inside(networks, "web", "cat /sys/class/net/eth0/mtu").text == "1400"


def test_a_killed_wharfd_finds_networks_and_names_again(
    new_wharfd: Callable[..., Wharfd],
) -> None:
    engine = new_wharfd()
    engine.docker("network", "create", "front")
    serve(engine, "web", "--network", "front", "-p", "8091:80")
    run(engine, "client", "--network", "front")
    before = address(engine, "web", "front")
    engine.kill9()
    engine.start()
    wait_until(lambda: resolved(engine, "client", "web") == [before], "the name")
    assert inside(engine, "client", "nc -w 2 web 80 </dev/null").text == "hello"
    asked = ("busybox", "nc", "-w", "2", "127.0.0.1", "8091")
    wait_until(lambda: engine.inside(*asked, check=False).strip() == "hello", "the published port")
    run(engine, "third", "--network", "front")
    assert len({address(engine, name, "front") for name in ("web", "client", "third")}) == 3
    assert resolved(engine, "client", "third") == [address(engine, "third", "front")]
    engine.restart()
    wait_until(lambda: resolved(engine, "client", "third") == [address(engine, "third", "front")], "the name")
    engine.remove_all()
    engine.docker("network", "rm", "front")
    assert bridges(engine) == ["wharf0"]


def test_an_address_lasts_longer_than_a_run(networks: Wharfd) -> None:
    networks.docker("network", "create", "--ipv6", "front")
    run(networks, "web", "--network", "front")
    place = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{.MacAddress}}{{end}}"
    before = networks.docker("inspect", "-f", place, "web").text
    networks.docker("restart", "-t", "0", "web")
    assert networks.docker("inspect", "-f", place, "web").text == before
    networks.docker("kill", "web")
    run(networks, "other", "--network", "front")
    networks.docker("start", "web")
    assert networks.docker("inspect", "-f", place, "web").text == before


def test_what_is_refused(networks: Wharfd) -> None:
    def refused(path: str, body: Mapping[str, object], method: str = "POST") -> tuple[int, str]:
        answer = networks.request(method, f"{API}{path}", body)
        return answer.status, answer.message

    assert networks.request("POST", f"{API}/networks/create", {"Name": "front"}).status == 201
    assert refused("/networks/create", {"Name": "front"}) == (409, "network with name front already exists")
    assert refused("/networks/create", {"Name": "bridge"})[0] == 403
    assert refused("/networks/create", {"Name": ""})[0] == 400
    assert refused("/networks/create", {"Name": "x", "Driver": "none-such"}) == (404, 'plugin "none-such" not found')
    overlap = {"Name": "x", "IPAM": {"Config": [{"Subnet": "172.17.3.0/24"}]}}
    assert refused("/networks/create", overlap) == (
        403,
        "invalid pool request: Pool overlaps with other one on this address space",
    )
    assert refused("/networks/front/connect", {"Container": "nobody"}) == (404, "No such container: nobody")
    assert refused("/networks/nowhere/connect", {"Container": "nobody"}) == (404, "No such container: nobody")
    assert refused("/networks/bridge", {}, "DELETE") == (403, "bridge is a pre-defined network and cannot be removed")
    run(networks, "web", "--network", "front")
    status, message = refused("/networks/front", {}, "DELETE")
    assert status == 403 and 'has active endpoints (name:"web" id:' in message
    given = {"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "172.30.0.9"}}}
    assert networks.request("POST", f"{API}/networks/create", {"Name": "back"}).status == 201
    assert refused("/networks/back/connect", given)[0] == 400
    assert networks.docker("ps", "-q").text != ""


def test_lists_and_filters(networks: Wharfd) -> None:
    networks.docker("network", "create", "--label", "tier=one", "front")
    networks.docker("network", "create", "back")
    run(networks, "web", "--network", "front")

    def listed(*filters: str) -> set[str]:
        words = [word for text in filters for word in ("--filter", text)]
        return set(networks.docker("network", "ls", "--format", "{{.Name}}", *words).text.split())

    assert listed() == {"bridge", "host", "none", "front", "back"}
    assert listed("label=tier=one") == {"front"}
    assert listed("dangling=true") == {"back"}
    assert listed("type=builtin") == {"bridge", "host", "none"}
    assert listed("driver=bridge") == {"bridge", "front", "back"}
    assert (
        networks.docker("ps", "--filter", "network=front", "--format", "{{.Names}} {{.Networks}}").text == "web front"
    )
    id = networks.docker("network", "inspect", "-f", "{{.Id}}", "front").text
    assert networks.docker("ps", "--filter", f"network={id}", "--format", "{{.Names}}").text == "web"
    inspected = networks.request("GET", f"{API}/networks/{id[:8]}").json
    assert [one["Name"] for one in inspected["Containers"].values()] == ["web"]
    assert networks.docker("network", "prune", "-f").text == "Deleted Networks:\nback"


def test_prune_of_everything(networks: Wharfd) -> None:
    networks.docker("network", "create", "front")
    assert "front" in networks.docker("system", "prune", "-f").text
    assert networks.wharf("system", "prune", "-f").code == 0


def test_a_start_that_fails_takes_nothing(networks: Wharfd) -> None:
    networks.docker("network", "create", "front")
    refused = networks.docker("run", "--network", "front", "--name", "web", "busybox", "/no/such", check=False)
    assert refused.code == 127
    assert networks.docker("network", "inspect", "-f", "{{len .Containers}}", "front").text == "0"
    networks.docker("network", "rm", "front")
    # Its network has gone, so it cannot start; then it is connected to another.
    gone = networks.docker("start", "web", check=False)
    assert "network front not found" in gone.error


def test_a_network_that_is_removed_while_it_is_made(networks: Wharfd) -> None:
    """It is there or not: none is half-made, and none half-removed."""
    for _ in range(5):
        with ThreadPoolExecutor(1) as pool:
            creating = pool.submit(networks.request, "POST", f"{API}/networks/create", {"Name": "brief"})
            wait_until(lambda: networks.request("DELETE", f"{API}/networks/brief").status == 204, "it is removed")
        assert creating.result().status == 201
        assert bridges(networks) == ["wharf0"]


def test_who_ends_while_it_is_connected_is_on_no_network(networks: Wharfd) -> None:
    networks.docker("network", "create", "late")
    for number in range(8):
        run(networks, f"brief{number}")
        os.kill(networks.state(f"brief{number}")["Pid"], signal.SIGKILL)
        networks.request("POST", f"{API}/networks/late/connect", {"Container": f"brief{number}"})
    wait_until(lambda: networks.docker("ps", "-q").text == "", "all have ended")
    assert networks.request("DELETE", f"{API}/networks/late").status == 204


def test_the_events_of_networks(networks: Wharfd) -> None:
    since = str(int(time.time()))
    networks.docker("network", "create", "watched")
    for command in ("true", "/no/such"):  # a container that cannot start comes and goes, too
        networks.docker("run", "--rm", "--network", "watched", "busybox", command, check=False)
    wait_until(lambda: not networks.docker("ps", "-aq").text, "the container is gone")
    networks.docker("network", "rm", "watched")
    until = str(int(time.time()) + 1)
    shown = networks.docker(
        *("events", "--since", since, "--until", until, "--filter", "network=watched", "--format", "{{.Action}}")
    )
    assert shown.text.split() == ["create", *("connect", "disconnect") * 2, "destroy"]
