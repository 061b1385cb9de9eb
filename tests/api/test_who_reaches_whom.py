"""Who reaches whom: tables of real packets by TCP, UDP and ICMP, and what `network check` says of the same.

In a row, `y` is who gets an answer of the container, `-` who gets none, `.` who is not asked.
"""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from harness.answering import Answering, answer
from harness.outside import HOST, HOST6, OUTSIDE, OUTSIDE6, Outside, inject
from harness.wharfd import Wharfd

#: Seconds in which an answer comes, whatever else this machine does.
PATIENCE: Final = 30.0
BRIDGE: Final = "com.docker.network.bridge"


def _modes(mode: str) -> list[str]:
    return [word for version in (4, 6) for word in ("-o", f"{BRIDGE}.gateway_mode_ipv{version}={mode}")]


#: What makes each network special. Its number is in its addresses: 10.90.1.0/24 and fd90:0:0:1::/64 is the first.
NETWORKS: Final[dict[str, list[str]]] = {
    "plain": [],
    "other": [],
    "apart": ["-o", f"{BRIDGE}.enable_icc=false"],
    "inner": ["--internal"],
    "open": _modes("nat-unprotected"),
    "routed": _modes("routed"),
    "alone": ["--internal", *_modes("isolated")],
}
#: Of the container in each network that others reach, or do not. Every one listens on 80 and 81.
PUBLISHED: Final = {
    "plain": ["8080:80", "127.0.0.1:8081:80", "[::1]:8082:80", f"{HOST}:8083:80", f"[{HOST6}]:8084:80"],
    "apart": ["8085:80"],
    "inner": ["8086:80"],
    "routed": ["8087:80"],
}
#: At the container's own addresses, of both versions of IP, by TCP and UDP; port 0 is a ping. `near` is a container of
#: the same network, `far` one of the network `other`.
OWN: Final = """
            outside  host  near  far
plain:80    -        y     y     -
plain:81    -        y     y     -
plain:0     -        y     y     -
apart:80    -        y     -     -
apart:0     -        y     -     -
inner:80    -        y     y     -
inner:0     -        y     y     -
alone:80    -        -     y     -
open:80     y        y     y     y
open:81     y        y     y     y
open:0      y        y     y     y
routed:80   y        y     y     y
routed:81   -        y     y     -
routed:0    y        y     y     y
"""
#: At addresses of the host, by TCP and UDP.
AT_HOST: Final = f"""
                   outside  host  plain  apart  other  inner
{HOST}:8080        y        y     y      y      y      -
{HOST6}:8080       y        y     y      y      y      -
127.0.0.1:8080     .        y     .      .      .      .
::1:8080           .        y     .      .      .      .
10.90.1.1:8080     .        y     y      .      .      .
fd90:0:0:1::1:8080 .        y     y      .      .      .
{HOST}:8081        -        -     -      -      -      -
127.0.0.1:8081     .        y     .      .      .      .
10.90.1.1:8081     .        -     -      .      .      .
::1:8082           .        y     .      .      .      .
{HOST6}:8082       -        -     -      -      -      -
{HOST}:8083        y        y     y      y      y      -
127.0.0.1:8083     .        -     .      .      .      .
{HOST6}:8084       y        y     y      y      y      -
::1:8084           .        -     .      .      .      .
{HOST}:8085        y        y     y      y      y      -
{HOST6}:8085       y        y     y      y      y      -
{HOST}:8086        -        -     -      -      -      -
{HOST}:8087        -        -     -      -      -      -
{HOST}:9999        -        -     -      -      -      -
"""


@dataclass(frozen=True)
class Row:
    target: str  # a container, or an address of the host
    port: int
    expected: dict[str, bool]  # by who asks

    def patience(self, who: str) -> float:
        """How long to wait for an answer, in seconds. That none comes is believed soon."""
        return PATIENCE if self.expected[who] else 0.5


def rows(table: str) -> list[Row]:
    lines = [line.split() for line in table.splitlines() if line.strip()]
    found = []
    for where, *cells in lines[1:]:
        target, _, port = where.rpartition(":")
        asked = {who: cell == "y" for who, cell in zip(lines[0], cells, strict=True) if cell != "."}
        found.append(Row(target, int(port), asked))
    return found


@dataclass
class World:
    engine: Wharfd
    outside: Outside
    servers: Answering

    def namespace(self, who: str) -> Path:
        places = {"outside": self.outside.namespace, "host": self.engine.network.path}
        return places.get(who) or self.engine.network_of(who)

    def addresses(self, network: str) -> list[str]:
        number = list(NETWORKS).index(network) + 1
        return [f"10.90.{number}.10", f"fd90:0:0:{number}::10"]

    def hardware(self, device: str) -> str:
        """The address of a device of the host."""
        return self.engine.inside("ip", "-o", "link", "show", "dev", device).split("link/ether ")[1].split()[0]

    def bridge(self, network: str) -> str:
        """The device of a network."""
        return f"br-{self.engine.docker('network', 'inspect', '-f', '{{.Id}}', network).text[:12]}"

    def heard(self, sender: str, device: str, source: str, target: str, port: int) -> list[tuple[str, str]]:
        """Who hears a datagram that is injected, from whom."""
        at = "up0" if sender == "outside" else self.bridge(sender)
        before = len(self.servers.heard)
        inject(self.namespace(sender), device, self.hardware(at), source, target, port)
        # What is sent afterwards comes later, unless both are there when the servers look: so when the second of these
        # is answered, the other has been heard, or never will be.
        for _ in range(2):
            assert answer(self.namespace("host"), "127.0.0.1", 9000, udp=True, patience=PATIENCE)
        return [one for one in self.servers.heard[before:] if one != ("host", "127.0.0.1")]

    def check(self, source: str, target: str, port: int) -> Any:
        asked = {"From": source, "To": target, "Port": port, "Protocol": "tcp"}
        return self.engine.request("POST", "/v1.54/networks/check", asked).json


def _container(engine: Wharfd, name: str, *flags: str) -> None:
    engine.docker("run", "-d", "--name", name, *flags, "busybox", "sleep", "1000")


def _populated(engine: Wharfd, servers: Answering) -> None:
    """In each network a container `on-N`, which is reached or not, and one `N`, which asks."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda numbered: _network(engine, *numbered), enumerate(NETWORKS, 1)))
    for name in NETWORKS:
        servers.add(f"on-{name}", engine.network_of(f"on-{name}"), 80, 81)


def _network(engine: Wharfd, number: int, name: str) -> None:
    subnets = ("--subnet", f"10.90.{number}.0/24", "--ipv6", "--subnet", f"fd90:0:0:{number}::/64")
    engine.docker("network", "create", *subnets, *NETWORKS[name], name)
    ports = [word for port in PUBLISHED.get(name, ()) for word in ("-p", port, "-p", f"{port}/udp")]
    place = ("--network", name, "--ip", f"10.90.{number}.10", "--ip6", f"fd90:0:0:{number}::10")
    _container(engine, f"on-{name}", *place, *ports)
    _container(engine, name, "--network", name)


@pytest.fixture(scope="module")
def world(busybox_archive: bytes) -> Iterator[World]:
    with Wharfd().loaded(busybox_archive) as engine, Outside(engine) as outside:
        servers = Answering()
        outside.route("10.90.0.0/16", "fd90::/16")
        _populated(engine, servers)
        servers.add("outside", outside.namespace, 9000)
        servers.add("host", engine.network.path, 9000)
        with servers:
            yield World(engine, outside, servers)


def reached(world: World, who: str, server: str, address: str, port: int, patience: float) -> set[bool]:
    """Whether who asks is answered by a container within `patience` seconds, by each protocol."""
    client = world.namespace(who)
    if not port:
        ping = ["nsenter", f"--net={client}", "busybox", "ping", "-c", "1", "-W", str(max(1, int(patience))), address]
        return {subprocess.run(ping, capture_output=True, check=False).returncode == 0}
    said = [answer(client, address, port, udp=udp, patience=patience) for udp in (False, True)]
    return {one.startswith(f"{server} ") for one in said}


def _asker(who: str, network: str) -> str:
    return {"near": network, "far": "other"}.get(who, who)


def test_at_the_containers_own_addresses(world: World) -> None:
    asked = [
        (row, who, address) for row in rows(OWN) for who in row.expected for address in world.addresses(row.target)
    ]

    def ask(row: Row, who: str, address: str) -> set[bool]:
        return reached(world, _asker(who, row.target), f"on-{row.target}", address, row.port, row.patience(who))

    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda one: ask(*one), asked)
    wrong = [
        f"{who} to {row.target}:{row.port} at {address}: {got}"
        for (row, who, address), got in zip(asked, found, strict=True)
        if got != {row.expected[who]}
    ]
    assert wrong == []


def test_at_addresses_of_the_host(world: World) -> None:
    published = {
        int(port.rpartition(":")[0].rpartition(":")[2]): name for name, ports in PUBLISHED.items() for port in ports
    }
    asked = [(row, who) for row in rows(AT_HOST) for who in row.expected]

    def ask(row: Row, who: str) -> set[bool]:
        return reached(world, who, f"on-{published.get(row.port, '')}", row.target, row.port, row.patience(who))

    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda one: ask(*one), asked)
    wrong = [
        f"{who} to {row.target}:{row.port}: {got}"
        for (row, who), got in zip(asked, found, strict=True)
        if got != {row.expected[who]}
    ]
    assert wrong == []


def test_check_says_what_packets_do(world: World) -> None:
    """By the tables that packets have proved above: what passes by any address passes."""
    expected: dict[tuple[str, str, int], bool] = {}
    for row in rows(OWN):
        for who, passes in row.expected.items():
            if row.port:
                expected[_asker(who, row.target), f"on-{row.target}", row.port] = passes
    for row in rows(AT_HOST):
        for who, passes in row.expected.items():
            expected[who, "host", row.port] = expected.get((who, "host", row.port), False) or passes

    def ask(question: tuple[str, str, int]) -> Any:
        return world.check(*question)

    with ThreadPoolExecutor(4) as pool:
        said = pool.map(ask, expected)
    wrong = [
        f"{question} {'passes' if passes else 'does not pass'}: {answer['Steps']}"
        for (question, passes), answer in zip(expected.items(), said, strict=True)
        if answer["Passes"] is not passes
    ]
    assert wrong == []


STRANGER, STRANGER6 = "203.0.113.7", "2001:db8:9::7"


@pytest.mark.parametrize(
    ("sender", "source", "target", "port", "heard"),
    [
        ("plain", "10.90.1.2", OUTSIDE, 9000, ("outside", HOST)),
        (
            "plain",
            "10.90.2.10",
            OUTSIDE,
            9000,
            ("outside", HOST),
        ),  # of a container that is on both, whose way out it is
        ("plain", STRANGER, OUTSIDE, 9000, None),
        ("plain", OUTSIDE, HOST, 9000, None),  # to the host itself, in the name of a machine that it trusts
        ("plain", STRANGER, HOST, 8080, None),  # to a published port
        ("plain", STRANGER, "10.90.6.10", 80, None),  # to the container of a routed network
        ("plain", "127.0.0.1", "10.90.1.1", 9000, None),
        ("plain", STRANGER6, OUTSIDE6, 9000, None),
        ("plain", STRANGER6, HOST6, 8080, None),
        ("plain", "fd90:0:0:2::10", OUTSIDE6, 9000, ("outside", HOST6)),
        ("plain", "10.90.1.1", HOST, 9000, None),  # in the host's own name
        ("plain", "fd90:0:0:1::1", HOST6, 8080, None),
        ("plain", "fd90:0:0:2::1", OUTSIDE6, 9000, None),
        ("outside", OUTSIDE, "127.0.0.1", 8081, None),  # a port that is published for the host alone
        ("outside", OUTSIDE6, "::1", 8082, None),
        ("outside", "127.0.0.1", HOST, 8080, None),
        ("outside", "::1", HOST6, 8080, None),
        ("outside", OUTSIDE, "10.90.1.10", 80, None),
    ],
)
def test_senders_and_receivers_that_are_lies(
    world: World, sender: str, source: str, target: str, port: int, heard: tuple[str, str] | None
) -> None:
    found = world.heard(sender, "eth0", source, target, port)
    assert found == ([heard] if heard else [])


def test_what_the_user_has_routed_to_a_container_may_come_from_there(world: World) -> None:
    """A container as the router of a network behind it, such as a VPN's."""
    behind = ("plain", "eth0", "10.8.0.5", OUTSIDE, 9000)
    assert world.heard(*behind) == []
    world.engine.inside("ip", "route", "add", "10.8.0.0/24", "via", "10.90.1.2")
    assert world.heard(*behind) == [("outside", "10.8.0.5")]
