"""Addresses that a DHCP server on the wire lends: with dnsmasq, and with a server that misbehaves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from harness.dhcp import Dnsmasq, Server, dnsmasq, tiny_server
from harness.engine import API, missing, wait_until
from harness.outside import OUTSIDE, Outside
from harness.router import router
from harness.wharfd import Wharfd
from wharf.network.dhcp import message as dhcp
from wharf.network.dhcp.message import Kind, Message

LAN = ("network", "create", "-d", "macvlan", "--ipam-driver", "dhcp", "-o", "parent=up0")


@pytest.fixture
def outside(wharfd: Wharfd) -> Iterator[Outside]:
    """A machine on the wire of the host; after the test no network of the user's is left."""
    with Outside(wharfd) as machine:
        yield machine
        wharfd.remove_all()
        wharfd.docker("network", "prune", "-f")


@pytest.fixture
def server(outside: Outside, tmp_path: Path) -> Iterator[Dnsmasq]:
    if missing(["dnsmasq"]):
        pytest.skip("not installed: dnsmasq")
    with dnsmasq(outside.namespace, tmp_path) as running:
        yield running


@pytest.fixture
def tiny(outside: Outside) -> Iterator[Server]:
    with tiny_server(outside.namespace) as running:
        yield running


@pytest.fixture
def silent(wharfd: Wharfd, tiny: Server) -> Server:
    """A server that says nothing, to a network that would wait for five minutes."""
    tiny.changed = lambda reply: None
    wharfd.docker(*LAN, "--ipam-opt", "timeout=300", "lan")
    return tiny


def run(engine: Wharfd, name: str, *flags: str) -> None:
    engine.docker("run", "-d", "--name", name, "--network", "lan", *flags, "busybox", "sleep", "600")


def inside(engine: Wharfd, name: str, command: str) -> str:
    return engine.docker("exec", name, "sh", "-c", command, check=False).text


def place(engine: Wharfd, name: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.request("GET", f"{API}/containers/{name}/json").json["NetworkSettings"]["Networks"]
    return dict(found["lan"])


def shown_addresses(engine: Wharfd, name: str) -> list[dict[str, Any]]:
    pid = engine.state(name)["Pid"]
    shown = json.loads(engine.inside("nsenter", "-t", str(pid), "-n", "ip", "-j", "-4", "addr", "show", "dev", "eth0"))
    return list(shown[0]["addr_info"]) if shown and shown[0] else []


def addresses(engine: Wharfd, name: str) -> list[str]:
    return [one["local"] for one in shown_addresses(engine, name)]


def seconds_left(engine: Wharfd, name: str) -> int:
    """Until the kernel takes the address away."""
    return int(shown_addresses(engine, name)[0]["valid_life_time"])


def test_a_container_is_told_all_by_the_server(wharfd: Wharfd, server: Dnsmasq) -> None:
    wharfd.docker(*LAN, "lan")
    assert wharfd.docker("network", "inspect", "-f", "{{.IPAM.Driver}} {{len .IPAM.Config}}", "lan").text == "dhcp 0"
    run(wharfd, "web", "--hostname", "webhost")
    at = place(wharfd, "web")
    address = at["IPAddress"]
    assert (at["IPPrefixLen"], at["Gateway"]) == (24, OUTSIDE)
    assert server.held() == {address: "webhost"}
    assert addresses(wharfd, "web") == [address]
    assert f"default via {OUTSIDE} dev eth0" in inside(wharfd, "web", "ip route")
    assert f"{address}\twebhost" in inside(wharfd, "web", "cat /etc/hosts")
    assert "search lan.example" in inside(wharfd, "web", "cat /etc/resolv.conf")
    member = wharfd.request("GET", f"{API}/networks/lan").json["Containers"][wharfd.inspect("web")["Id"]]
    assert (member["IPv4Address"], member["MacAddress"]) == (f"{address}/24", at["MacAddress"])
    # Traffic, and names: neighbours' by ourselves, all others by the server, which is asked over the container's wire.
    assert "1 packets received" in inside(wharfd, "web", f"ping -c 1 -W 2 {OUTSIDE}")
    run(wharfd, "client")
    assert address in inside(wharfd, "client", "nslookup web.")
    assert "192.0.2.7" in inside(wharfd, "client", "nslookup far.example")
    assert f"from {place(wharfd, 'client')['IPAddress']}" in server.log.read_text()
    drawn = wharfd.wharf("network", "graph", "lan").out.decode()
    assert drawn.startswith("lan  macvlan  on up0  by dhcp\n") and f"web     {address}" in drawn
    assert wharfd.wharf("network", "check", "client", "web").text == f"ok  both are on lan: web is {address}"
    assert "by which the host itself reaches none" in wharfd.wharf("network", "check", "host", "web", check=False).text


def test_a_container_that_starts_again_is_the_same_to_the_server(wharfd: Wharfd, server: Dnsmasq) -> None:
    wharfd.docker(*LAN, "lan")
    run(wharfd, "web")
    before = place(wharfd, "web")
    wharfd.docker("restart", "-t", "0", "web")
    after = place(wharfd, "web")
    assert (after["MacAddress"], after["IPAddress"]) == (before["MacAddress"], before["IPAddress"])
    assert len(server.said("DHCPRELEASE")) == 1
    assert inside(wharfd, "web", "cat /sys/class/net/eth0/address") == before["MacAddress"]
    # Whoever leaves gives its address back, also while it runs.
    wharfd.docker("network", "disconnect", "lan", "web")
    wait_until(lambda: server.held() == {}, "the address is given back")
    assert inside(wharfd, "web", "ls /sys/class/net") == "lo"
    wharfd.docker("network", "connect", "lan", "web")
    assert list(server.held()) == [place(wharfd, "web")["IPAddress"]] == addresses(wharfd, "web")
    assert f"default via {OUTSIDE}" in inside(wharfd, "web", "ip route")
    wharfd.docker("rm", "-f", "web")
    wait_until(lambda: server.held() == {}, "the address is given back")


def test_an_address_that_is_asked_for(wharfd: Wharfd, server: Dnsmasq) -> None:
    wharfd.docker(*LAN, "--ipam-opt", "timeout=5", "lan")
    run(wharfd, "web", "--ip", "198.51.100.140", "--mac-address", "02:42:00:00:00:77")
    assert addresses(wharfd, "web") == ["198.51.100.140"]
    assert "02:42:00:00:00:77 198.51.100.140" in server.leases.read_text()
    refused = wharfd.docker(
        *("run", "-d", "--name", "other", "--network", "lan", "--ip", "198.51.100.7", "busybox", "true"), check=False
    )
    assert "the DHCP server offers 198.51.100.1" in refused.error and "and not 198.51.100.7" in refused.error
    assert list(server.held()) == ["198.51.100.140"]
    wrong = wharfd.docker("create", "--network", "lan", "--ip6", "fd00::7", "busybox", check=False)
    assert "those of IPv6 come by router advertisements" in wrong.error


def test_a_wire_without_a_server(wharfd: Wharfd, outside: Outside) -> None:
    wharfd.docker(*LAN, "--ipam-opt", "timeout=2", "lan")
    refused = wharfd.docker("run", "--name", "web", "--network", "lan", "busybox", "true", check=False)
    reason = "no address for the container on network lan (parent up0): no DHCP server answers"
    assert refused.code == 125 and reason in refused.error
    assert reason in wharfd.state("web")["Error"]
    assert wharfd.docker("network", "inspect", "-f", "{{len .Containers}}", "lan").text == "0"
    assert wharfd.docker("network", "rm", "lan").code == 0


@pytest.mark.parametrize("end", [("stop",), ("kill",), ("kill", "-s", "TERM"), ("rm", "-f")], ids=" ".join)
def test_who_ends_a_container_ends_its_wait(wharfd: Wharfd, silent: Server, end: Sequence[str]) -> None:
    create = ("create", "--name", "web", "--network", "lan", "--restart", "always", "busybox", "sleep", "600")
    wharfd.docker(*create)
    starting = wharfd.docker_process("start", "web")
    wait_until(lambda: silent.heard, "it waits for the server")
    wharfd.docker("run", "--rm", "busybox", "true")  # others start meanwhile
    wharfd.docker(*end, "web")
    _, err = starting.communicate(timeout=30)
    assert starting.returncode == 1 and "lan (parent up0): the wait was ended" in err.decode()
    if end[0] == "rm":
        assert wharfd.docker("ps", "-aq").text == ""
    else:
        assert wharfd.docker("ps", "-a", "--format", "{{.State}}").text == "created"
    assert wharfd.docker("network", "inspect", "-f", "{{len .Containers}}", "lan").text == "0"


def test_a_running_container_does_not_wait_for_a_network_when_it_ends(wharfd: Wharfd, silent: Server) -> None:
    wharfd.docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    for end in (lambda: wharfd.docker("stop", "-t", "0", "web"), lambda: os.kill(wharfd.state("web")["Pid"], 9)):
        silent.heard.clear()
        connecting = wharfd.docker_process("network", "connect", "lan", "web")
        wait_until(lambda: silent.heard, "it waits for the server")
        assert wharfd.state("web")["Running"]
        end()
        wait_until(lambda: not wharfd.state("web")["Running"], "its end is seen")
        _, err = connecting.communicate(timeout=30)
        assert connecting.returncode == 1 and "the wait was ended" in err.decode()
        assert list(wharfd.inspect("web")["NetworkSettings"]["Networks"]) == ["bridge"]
        wharfd.docker("start", "web")


def test_an_edit_that_is_called_off_is_undone_and_does_not_wait_again(wharfd: Wharfd, tiny: Server) -> None:
    wharfd.docker(*LAN, "--ipam-opt", "timeout=300", "lan")
    run(wharfd, "web")
    tiny.changed = lambda reply: None
    edited = Path(sys.executable).parent / "wharf"
    command = [str(edited), "container", "edit", "-t", "0", "-e", "NEW=1", "web"]
    heard = tiny.count(Kind.DISCOVER)
    with subprocess.Popen(command, env=wharfd.environment, stderr=subprocess.PIPE) as editing:
        wait_until(lambda: tiny.count(Kind.DISCOVER) > heard, "the edited container waits for the server")
        wharfd.docker("stop", "web")
        _, err = editing.communicate(timeout=30)
    assert "the wait was ended" in err.decode() and "the edit of the container is undone" in err.decode()
    found = wharfd.inspect("web")
    assert found["State"]["Status"] == "exited" and "NEW=1" not in found["Config"]["Env"]


def test_a_start_that_fails_for_another_reason_waits_for_no_server(wharfd: Wharfd, outside: Outside) -> None:
    wharfd.docker(*LAN, "--ipam-opt", "timeout=300", "lan")
    refused = wharfd.docker(
        *("run", "--rm", "--network", "lan", "--device", "/dev/missing", "busybox", "true"), check=False, timeout=60
    )
    assert "/dev/missing" in refused.error
    wait_until(lambda: wharfd.docker("ps", "-aq").text == "", "nothing is left")


def told(engine: Wharfd) -> list[str]:
    """The addresses in the events of leases; their container is the one that runs."""
    id = engine.inspect("web")["Id"]
    shown = engine.docker(
        *("events", "--since", "2m", "--until", "0s", "--filter", "event=lease"),
        *("--format", "{{.Actor.Attributes.container}} {{.Actor.Attributes.address}}"),
    )
    lines = (line.split(" ") for line in shown.out.decode().splitlines())
    return [address for container, address in lines if container == id]


def test_leases_that_are_lost_are_replaced(wharfd: Wharfd, tiny: Server) -> None:
    wharfd.docker(*LAN, "lan")
    run(wharfd, "web")
    assert addresses(wharfd, "web") == ["198.51.100.120"]
    asked = tiny.count(Kind.REQUEST)
    wait_until(lambda: tiny.count(Kind.REQUEST) >= asked + 2, "it is renewed")
    renewal = tiny.heard[-1]
    assert (str(renewal.own), renewal.kind, dhcp.SERVER_ID in renewal.options) == (
        "198.51.100.120",
        Kind.REQUEST,
        False,
    )
    # The server wants another address to be used: that is seen everywhere.
    tiny.address = "198.51.100.121"
    wait_until(lambda: addresses(wharfd, "web") == ["198.51.100.121"], "the address has changed")
    wait_until(lambda: place(wharfd, "web")["IPAddress"] == "198.51.100.121", "so has the record")
    wait_until(lambda: "198.51.100.121\t" in inside(wharfd, "web", "cat /etc/hosts"), "so have its files")
    assert inside(wharfd, "web", "ip route").startswith(f"default via {OUTSIDE} dev eth0")
    wait_until(lambda: told(wharfd) == ["", "198.51.100.121"], "it is told of")


def test_a_lease_that_nobody_renews_ends(wharfd: Wharfd, tiny: Server) -> None:
    wharfd.docker(*LAN, "--ipam-opt", "timeout=3", "lan")
    run(wharfd, "web")
    tiny.changed = lambda reply: None
    wait_until(lambda: addresses(wharfd, "web") == [], "the address is given up")
    wait_until(lambda: place(wharfd, "web")["IPAddress"] == "", "inspect says so")
    assert wharfd.state("web")["Running"]
    assert "web has no address on lan" in wharfd.wharf("network", "check", "web", "outside", check=False).text
    tiny.changed = lambda reply: reply
    wait_until(lambda: place(wharfd, "web")["IPAddress"] == "198.51.100.120", "it has one again")
    assert addresses(wharfd, "web") == ["198.51.100.120"]
    assert f"default via {OUTSIDE}" in inside(wharfd, "web", "ip route")


HOSTILE: dict[str, Callable[[Message], Message | None]] = {
    "of another conversation": lambda reply: replace(reply, transaction=reply.transaction ^ 1),
    "to another client": lambda reply: replace(reply, hardware=b"\x02\x42\x00\x00\x00\x01"),
    "without a mask": lambda reply: replace(reply, options={**reply.options, dhcp.SUBNET_MASK: b""}),
    "of the loopback": lambda reply: replace(reply, given=IPv4Address("127.0.0.2")),
    "too short": lambda reply: replace(reply, options={**reply.options, dhcp.LEASE_TIME: bytes(4)}),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_answers_that_are_not_taken(wharfd: Wharfd, tiny: Server, how: str) -> None:
    tiny.changed = HOSTILE[how]
    wharfd.docker(*LAN, "--ipam-opt", "timeout=1", "lan")
    refused = wharfd.docker("run", "--rm", "--network", "lan", "busybox", "true", check=False)
    assert "no address for the container on network lan" in refused.error
    wait_until(lambda: wharfd.docker("ps", "-aq").text == "", "nothing is left")


def test_a_lease_outlives_the_daemon(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    with Outside(engine) as machine, tiny_server(machine.namespace) as tiny:
        tiny.lasts, tiny.renews, tiny.rebinds = 3600, 1800, 3000
        engine.docker(*LAN, "lan")
        run(engine, "web")
        tiny.address = "198.51.100.121"
        run(engine, "short")
        tiny.address = "198.51.100.120"
        pid = engine.state("short")["Pid"]
        engine.kill9()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "its process has ended")
        heard = len(tiny.heard)
        engine.start()
        expected = {(Kind.REQUEST, "198.51.100.120"), (Kind.RELEASE, "198.51.100.121")}

        def said() -> set[tuple[Kind, str]]:
            return {(message.kind, str(message.own)) for message in tiny.heard[heard:]}

        wait_until(lambda: said() >= expected, "the daemon speaks to the server")
        assert said() == expected
        assert addresses(engine, "web") == ["198.51.100.120"] == [place(engine, "web")["IPAddress"]]
        assert 3500 < seconds_left(engine, "web") <= 3600
        engine.remove_all()
        wait_until(lambda: tiny.heard[-1].kind is Kind.RELEASE, "the address is given back")
        engine.docker("network", "rm", "lan")


def addresses6(engine: Wharfd, name: str) -> list[str]:
    pid = engine.state(name)["Pid"]
    shown = json.loads(engine.inside("nsenter", "-t", str(pid), "-n", "ip", "-j", "-6", "addr", "show", "dev", "eth0"))
    return [one["local"] for one in (shown[0]["addr_info"] if shown and shown[0] else []) if one["scope"] == "global"]


def ways6(engine: Wharfd, name: str) -> str:
    pid = engine.state(name)["Pid"]
    return engine.inside("nsenter", "-t", str(pid), "-n", "ip", "-6", "route", "show", "default")


def test_addresses_that_routers_advertise(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    with Outside(engine) as machine, tiny_server(machine.namespace), router(machine.namespace) as told:
        engine.docker(*LAN, "--ipv6", "lan")
        engine.docker("network", "create", "--ipv6", "back")
        run(engine, "web", "--mac-address", "02:42:00:00:00:77")

        def known() -> str:
            return str(place(engine, "web")["GlobalIPv6Address"])

        first = "2001:db8:7:0:42:ff:fe00:77"
        wait_until(lambda: known() == first, "inspect has the address")
        assert (addresses6(engine, "web"), place(engine, "web")["GlobalIPv6PrefixLen"]) == ([first], 64)
        assert addresses(engine, "web") == ["198.51.100.120"]
        wait_until(lambda: f"{first}\t" in inside(engine, "web", "cat /etc/hosts"), "so has its file")
        assert "dev eth0" in ways6(engine, "web") and "proto ra" in ways6(engine, "web")
        # The way out stays the routers' also while another network comes and goes, and moves where it shall.
        engine.docker("network", "connect", "back", "web")
        assert "proto ra" not in ways6(engine, "web") and "dev eth1" in ways6(engine, "web"), "back is first by name"
        told.advertise()
        engine.docker("network", "disconnect", "back", "web")
        wait_until(lambda: "proto ra" in ways6(engine, "web"), "routers are asked for the way out")
        assert "dev eth1" not in ways6(engine, "web")
        # Another prefix, while no daemon runs: the next one finds it, and goes on.
        engine.kill9()
        told.lasts = 0
        told.advertise()
        told.prefix, told.lasts = "2001:db8:8::/64", 3600
        told.advertise()
        engine.start()
        second = first.replace("db8:7", "db8:8")
        wait_until(lambda: known() == second, "the next daemon knows the address")
        told.lasts = 0
        told.prefix = "2001:db8:8::/64"
        told.advertise()
        wait_until(lambda: known() == "", "an address that is not preferred any more is told no longer")
        engine.remove_all()
        engine.docker("network", "rm", "lan", "back")
