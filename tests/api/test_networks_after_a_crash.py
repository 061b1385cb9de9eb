"""wharfd is killed while containers are connected and disconnected: the next one finds, or makes, everything right."""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, cycle
from typing import Any

import pytest

from harness.engine import API
from harness.outside import seen
from harness.wharfd import Wharfd

NEW = "/v1.54"
CONTAINERS = ("one", "two", "three", "four")
NETWORKS = ("red", "green", "blue")


def storm(engine: Wharfd, stop: threading.Event, shift: int) -> None:
    """Connects and disconnects all containers, in all orders, until the daemon is gone."""
    turn = shift
    while not stop.is_set():
        for container in CONTAINERS:
            turn += 1
            network = NETWORKS[turn % len(NETWORKS)]
            verb = "connect" if turn % 2 else "disconnect"
            if not asked(engine, "POST", f"/networks/{network}/{verb}", {"Container": container}):
                return


def agree(engine: Wharfd) -> None:
    """The engine's answers, the kernel's and the containers' own files say the same."""
    seen: set[str] = set()
    for name in CONTAINERS:
        answer = engine.request("GET", f"{NEW}/containers/{name}/json").json
        places = answer["NetworkSettings"]["Networks"]
        told = {place["IPAddress"] for place in places.values()} | {p["GlobalIPv6Address"] for p in places.values()}
        pid = str(answer["State"]["Pid"])
        links = json.loads(engine.inside("nsenter", "-t", pid, "-n", "ip", "-j", "addr", "show"))
        has = {
            address["local"]
            for link in links
            for address in link["addr_info"]
            if link["ifname"] != "lo" and address["scope"] == "global"
        }
        assert has == told - {""}, name
        assert not seen & has, "an address is there twice"
        seen |= has
        hosts = engine.docker("exec", name, "cat", "/etc/hosts").text
        own = re.findall(rf"^(\S+)\t{answer['Config']['Hostname']}$", hosts, re.MULTILINE)
        assert sorted(own) == sorted(has), name
        routes = engine.inside("nsenter", "-t", pid, "-n", "ip", "route")
        assert routes.count("default") == bool(has), (name, routes)
        for network, place in places.items():
            assert engine.request("GET", f"{NEW}/networks/{network}").json["Containers"][answer["Id"]][
                "IPv4Address"
            ] == (f"{place['IPAddress']}/{place['IPPrefixLen']}")
    assert translations(engine) == dict(published(engine))
    outer = {link["ifname"] for link in json.loads(engine.inside("ip", "-j", "link", "show", "type", "veth"))}
    assert len(outer) == sum(len(places_of(engine, name)) for name in CONTAINERS)


def translations(engine: Wharfd) -> dict[tuple[str, int], list[str]]:
    """Where the kernel leads the published ports, by version of IP and port."""
    found: dict[tuple[str, int], list[str]] = {}
    for item in json.loads(engine.inside("nft", "-j", "list", "ruleset"))["nftables"]:
        if item.get("map", {}).get("name") == "published":
            for key, value in item["map"].get("elem", ()):
                port, address = key["concat"][1], value["concat"][0]
                found.setdefault((item["map"]["family"], port), []).append(address)
    return found


def published(engine: Wharfd) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """What translations() has to be: to the network that leads the container out, by both versions or the first."""
    for number, name in enumerate(CONTAINERS):
        places, port = places_of(engine, name), 8100 + number
        answer = engine.request("GET", f"{NEW}/containers/{name}/json").json["NetworkSettings"]["Ports"].get("80/tcp")
        assert [one["HostPort"] for one in answer or ()] == ([str(port)] * 2 if places else []), (name, places, answer)
        if places:
            home = places[min(places, key=lambda name: (not places[name]["GlobalIPv6Address"], name))]
            yield ("ip", port), [home["IPAddress"]]
            if home["GlobalIPv6Address"]:
                yield ("ip6", port), [home["GlobalIPv6Address"]]


def all_answer(engine: Wharfd) -> None:
    """The host reaches the ports of those that have networks by its loopback: by the kernel, and by their shims."""
    for port, name in enumerate(CONTAINERS, 8100):
        inside, here = engine.network_of(name), engine.network.path
        found = [bool(seen(inside, here, at, port, listening=80)) for at in ("127.0.0.1", "::1")]
        assert found == [bool(places_of(engine, name))] * 2, name


def places_of(engine: Wharfd, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = engine.request("GET", f"{API}/containers/{name}/json").json["NetworkSettings"][
        "Networks"
    ]
    return found


@pytest.mark.parametrize("seconds", [0.15, 0.4])
def test_killed_in_a_storm_of_connections(new_wharfd: Callable[..., Wharfd], seconds: float) -> None:
    engine = new_wharfd()
    for name in NETWORKS:
        engine.docker("network", "create", *(("--ipv6",) if name == "green" else ()), name)
    for number, name in enumerate(CONTAINERS):
        # Half of them have started without a network by which their port could be published.
        ports, network = ("-p", f"{8100 + number}:80"), "red" if number % 2 else "none"
        engine.docker("run", "-d", "--name", name, "--network", network, *ports, "busybox", "sleep", "600")
        engine.docker("network", "disconnect", "none", name, check=False)
    for again in range(2):
        killed_during(engine, [partial(storm, shift=shift + again) for shift in range(3)], seconds)
        settle(engine, agree)
        settle(engine, all_answer)
    # And everything goes on working: each leaves all, joins one, and is found by its name.
    for name in CONTAINERS:
        for network in places_of(engine, name):
            engine.docker("network", "disconnect", network, name)
        engine.docker("network", "connect", "blue", name)
    agree(engine)
    settle(engine, all_answer)
    assert engine.docker("exec", "one", "ping", "-c", "1", "-W", "20", "four").code == 0
    engine.remove_all()
    for name in NETWORKS:
        engine.docker("network", "rm", name)
    tables = re.findall(r"^table \S+ wharf_\S+", engine.nft_elements(), re.MULTILINE)
    shared = ["table inet wharf_user", *(f"table ip wharf_{name}" for name in ("forwarding", "passing", "sources"))]
    assert sorted(tables) == [*shared, "table ip wharf_wharf0"]


def killed_during(engine: Wharfd, work: Iterable[Callable[[Wharfd, threading.Event], None]], seconds: float) -> None:
    """Kills the daemon while all of that goes on, and starts the next one."""
    stop = threading.Event()
    threads = [threading.Thread(target=one, args=(engine, stop)) for one in work]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    engine.kill9()
    stop.set()
    for thread in threads:
        thread.join()
    engine.start()


def settle(engine: Wharfd, check: Callable[[Wharfd], None]) -> None:
    """Waits until all agree: kernel and shims do in their own time what they are told."""
    patience = time.monotonic() + 30
    while time.monotonic() < patience:
        try:
            check(engine)
            return
        except AssertionError:
            time.sleep(0.1)
    check(engine)


def make_and_remove(engine: Wharfd, stop: threading.Event) -> None:
    """Networks come and go, every third one stays."""
    for number in count():
        kind = "macvlan" if number % 2 else "bridge"
        for method, path in (("POST", "create"), *([("DELETE", f"new{number}")] if number % 3 else [])):
            body = {"Name": f"new{number}", "Driver": kind} if method == "POST" else None
            if stop.is_set() or not asked(engine, method, f"/networks/{path}", body):
                return


def run_shortly(engine: Wharfd, stop: threading.Event) -> None:
    """Containers that end while they are connected to a second network."""
    for number in count():
        name = f"short{number}"
        create = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": "red"}}
        for path, body in (
            (f"/containers/create?name={name}", create),
            (f"/containers/{name}/start", None),
            ("/networks/wire/connect", {"Container": name}),
        ):
            if stop.is_set() or not asked(engine, "POST", path, body):
                return


def move_about(engine: Wharfd, stop: threading.Event, names: Sequence[str] = ("runs", "paused", "stopped")) -> None:
    """Containers, whatever state they are in, change their networks."""
    for number in count():
        for name in names:
            for network in ("green", "wire"):
                verb = "disconnect" if number % 2 else "connect"
                if stop.is_set() or not asked(engine, "POST", f"/networks/{network}/{verb}", {"Container": name}):
                    return


def asked(engine: Wharfd, method: str, path: str, body: object) -> bool:
    """Whether the daemon was there to answer, whatever it said."""
    try:
        engine.request(method, NEW + path, body)
    except (OSError, http.client.HTTPException):
        return False
    return True


def whole(engine: Wharfd) -> None:
    """What the engine tells of its networks and what the kernel has of them are the same; nothing is stale."""
    networks = {one["Name"]: one for one in engine.request("GET", f"{NEW}/networks").json}
    ids = {
        kind: {one["Id"][:12] for one in networks.values() if one["Driver"] == kind} for kind in ("bridge", "macvlan")
    }
    ours = {f"br-{id}" for id in ids["bridge"] - {networks["bridge"]["Id"][:12]}} | {"wharf0"}
    links = json.loads(engine.inside("ip", "-j", "-d", "link", "show"))
    kinds = {link["ifname"]: link.get("linkinfo", {}).get("info_kind", "") for link in links}
    assert {name for name, kind in kinds.items() if kind == "bridge"} == ours
    parents = {f"dm-{id}" for id in ids["macvlan"]}
    assert {name for name in kinds if name.startswith("dm-") and not name.endswith("_")} == parents
    rules = json.loads(engine.inside("nft", "-j", "list", "ruleset"))["nftables"]
    tables = {one["table"]["name"] for one in rules if "table" in one}
    assert {name for name in tables if name.startswith("wharf_br_")} == {
        f"wharf_{name.replace('-', '_2d_')}" for name in ours if name != "wharf0"
    }
    outer = 0
    for one in engine.request("GET", f"{NEW}/containers/json?all=1").json:
        found = engine.request("GET", f"{NEW}/containers/{one['Id']}/json").json
        places = found["NetworkSettings"]["Networks"]
        told = {place["IPAddress"] for place in places.values()} - {""}
        if found["State"]["Status"] not in ("running", "paused"):
            assert not told, one["Names"]
            continue
        inner = engine.inside("nsenter", "-t", str(found["State"]["Pid"]), "-n", "ip", "-j", "-4", "addr", "show")
        has = [(link["ifname"], one["local"]) for link in json.loads(inner) for one in link["addr_info"]]
        assert {address for name, address in has if name != "lo"} == told, one["Names"]
        outer += sum(networks[name]["Driver"] == "bridge" for name in places)
    cables = {name for name, kind in kinds.items() if kind == "veth" and not name.startswith("dm-")}
    assert len(cables) == outer


def test_killed_while_networks_and_containers_come_and_go(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    for name, *flags in (("red",), ("green",), ("wire", "-d", "macvlan")):
        engine.docker("network", "create", *flags, name)
    for name in ("runs", "paused", "stopped"):
        engine.docker("create", "--name", name, "--network", "red", "busybox", "sleep", "600")
    engine.docker("start", "runs", "paused")
    engine.docker("pause", "paused")
    for seconds in (0.3, 0.8):
        killed_during(engine, [make_and_remove, run_shortly, move_about], seconds)
        settle(engine, whole)
        assert (engine.state("runs")["Status"], engine.state("paused")["Status"]) == ("running", "paused")
        short = engine.docker("ps", "-aq", "--filter", "name=^short").text.split()
        engine.docker("rm", "-f", *short)
    engine.docker("unpause", "paused")
    engine.remove_all()
    engine.docker("network", "prune", "-f")
    settle(engine, whole)
    assert len(engine.request("GET", f"{NEW}/networks").json) == 3


def die_and_come_back(engine: Wharfd, stop: threading.Event) -> None:
    """One ends by itself soon after each start, another one is killed, at any moment of a change of their networks."""
    for path in cycle(f"/containers/{name}/{verb}" for verb in ("start", "kill") for name in ("brief", "victim")):
        if stop.is_set() or not asked(engine, "POST", path, None):
            return


def test_killed_while_containers_die_in_a_storm_of_connections(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    for name, *flags in (("red",), ("green", "--ipv6"), ("wire", "-d", "macvlan")):
        engine.docker("network", "create", *flags, name)
    for name, lasts in (("brief", "0.1"), ("victim", "600")):
        engine.docker("create", "--name", name, "--network", "red", "-P", "busybox", "sleep", lasts)
    moving = [partial(move_about, names=names) for names in (("brief", "victim"), ("victim", "brief"))]
    for seconds in (0.3, 0.6, 0.9):
        killed_during(engine, [die_and_come_back, die_and_come_back, *moving], seconds)
        settle(engine, whole)
        # Both can be used as before.
        engine.docker("start", "victim")
        for network in ("green", "wire"):
            engine.docker("network", "disconnect", network, "victim", check=False)
            engine.docker("network", "connect", network, "victim")
        settle(engine, whole)
        assert set(places_of(engine, "victim")) == {"red", "green", "wire"}
        engine.docker("kill", "victim")
    engine.remove_all()
    engine.docker("network", "prune", "-f")
    settle(engine, whole)
    assert len(engine.request("GET", f"{NEW}/networks").json) == 3


def test_huge_files_of_a_container_are_not_read(new_wharfd: Callable[..., Wharfd]) -> None:
    """They are its own to write to: neither a change of its networks nor a new daemon has to have them in memory."""
    wharfd = new_wharfd()
    wharfd.docker("network", "create", "other")
    wharfd.docker("run", "-d", "--name", "box", "busybox", "sleep", "600")
    wharfd.docker("run", "-d", "--name", "owner", "--link", "box", "busybox", "sleep", "600")
    for name in ("box", "owner"):
        wharfd.docker("exec", name, "truncate", "-s", str(1 << 40), "/etc/hosts", "/etc/resolv.conf")
    wharfd.docker("network", "connect", "other", "box")
    assert "nameserver 127.0.0.11" in wharfd.docker("exec", "box", "cat", "/etc/resolv.conf").text
    wharfd.kill9()
    wharfd.start()
    assert {wharfd.state(name)["Status"] for name in ("box", "owner")} == {"running"}
    wharfd.docker("network", "disconnect", "other", "box")
    wharfd.docker("restart", "-t", "0", "box")
    assert wharfd.docker("exec", "owner", "stat", "-c", "%s", "/etc/hosts").text == str(1 << 40)
