"""Published ports of containers that started without a network to publish them by, and get one while they run."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.answering import Answering, answer
from harness.engine import API, Answer
from harness.outside import HOST, HOST6, OUTSIDE, OUTSIDE6, Outside, client_seen
from harness.wharfd import Wharfd
from wharf.linux.namespaces import inside_network
from wharf.runtime import records, wire

OPTION = "com.docker.network.bridge."
IDLE = ("busybox", "sleep", "1000")


@pytest.fixture
def networks(wharfd: Wharfd) -> Iterator[Wharfd]:
    for arguments in (["--internal", "back"], ["--ipv6", "front"], ["second"]):
        wharfd.docker("network", "create", *arguments)
    yield wharfd
    wharfd.remove_all()
    wharfd.docker("network", "rm", "back", "front", "second")


def ports(engine: Wharfd, name: str) -> Any:
    """As inspect shows them: what a port of the container is at the host."""
    found = engine.inspect(name)["NetworkSettings"]["Ports"]
    return {port: sorted({place["HostPort"] for place in places or ()}) for port, places in found.items()}


def connect(engine: Wharfd, network: str, name: str) -> Answer:
    return engine.request("POST", f"{API}/networks/{network}/connect", {"Container": name})


def senders(
    server: Path, client: Path, port: int, *addresses: str, listening: int = 80, udp: bool = False
) -> list[str]:
    """As whom a server in one network namespace sees a client in another that asks these addresses; "" for not at all.

    Patient, so that TCP can send again what a busy machine has lost.
    """
    servers = Answering()
    servers.add("late", server, listening)
    with servers:
        found = [answer(client, address, port, udp=udp, patience=5) for address in addresses]
    return [said.removeprefix("late ") for said in found]


def reached(engine: Wharfd, name: str, port: int, *, udp: bool = False) -> list[bool]:
    """From the host's loopback, by both versions of IP."""
    found = senders(engine.network_of(name), engine.network.path, port, "127.0.0.1", "::1", udp=udp)
    return [bool(sender) for sender in found]


@contextmanager
def bound(engine: Wharfd, port: int) -> Iterator[socket.socket]:
    """A program of the host has the port."""
    with engine.network.path.open() as kept, inside_network(kept.fileno()):
        made = socket.socket()
    with made:
        made.bind(("0.0.0.0", port))
        yield made


def bundle(engine: Wharfd, id: str) -> Path:
    return engine.root / "exec" / "containers" / id


def test_they_open_with_the_first_network_that_publishes(networks: Wharfd) -> None:
    published = ("-p", "8300:80", "-p", "8300:80/udp", "-p", "81", "-p", "8310-8319:82")
    networks.docker("run", "-d", "--name", "late", "--network", "back", *published, *IDLE)
    assert ports(networks, "late") == {}
    assert connect(networks, "front", "late").status == 200
    shown = ports(networks, "late")
    chosen = int(shown["81/tcp"][0])
    assert shown == {"80/tcp": ["8300"], "80/udp": ["8300"], "81/tcp": [str(chosen)], "82/tcp": ["8310"]}
    assert reached(networks, "late", 8300) == reached(networks, "late", 8300, udp=True) == [True, True]
    inside = networks.network_of("late")
    assert all(senders(inside, networks.network.path, chosen, "127.0.0.1", listening=81))
    with Outside(networks) as outside:
        for udp in (False, True):
            assert senders(inside, outside.namespace, 8300, HOST, HOST6, udp=udp) == [OUTSIDE, OUTSIDE6], udp
    taken = networks.docker("run", "--rm", "-p", "8300:80", "busybox", "true", check=False)
    assert "Bind for 0.0.0.0:8300 failed: port is already allocated" in taken.error
    # From now on they are as those of any container: they close, open and move with the way out, and end with it.
    networks.docker("network", "disconnect", "front", "late")
    assert ports(networks, "late") == {} and reached(networks, "late", 8300) == [False, False]
    networks.docker("network", "connect", "second", "late")
    assert ports(networks, "late") == shown and reached(networks, "late", 8300) == [True, True]
    networks.docker("stop", "-t", "0", "late")
    networks.docker("run", "--rm", "-p", "8300:80", "busybox", "true")


def test_from_none_and_obeying_the_hosts_firewall(networks: Wharfd) -> None:
    guarded = ("--annotation", "wharf.firewall=host", "-p", "8301:80")
    networks.docker("run", "-d", "--name", "late", "--network", "none", *guarded, *IDLE)
    networks.docker("network", "disconnect", "none", "late")
    for network in ("back", "second"):
        networks.docker("network", "connect", network, "late")
    drop = "add table ip late_test; add chain ip late_test in { type filter hook input priority 0; }; "
    with Outside(networks) as outside:
        assert senders(networks.network_of("late"), outside.namespace, 8301, HOST) == [OUTSIDE]
        networks.inside("nft", drop + "add rule ip late_test in tcp dport 8301 drop")
        assert client_seen(networks, "late", outside.namespace, HOST, 8301) == ""
        networks.inside("nft", "delete table ip late_test")


def test_a_port_in_use_refuses_the_network_and_changes_nothing(networks: Wharfd) -> None:
    networks.docker("run", "-d", "--name", "late", "--network", "back", "-p", "81", "-p", "8302:80", *IDLE)
    networks.docker("run", "-d", "--name", "first", "-p", "8302:80", *IDLE)
    before = networks.inspect("late")["NetworkSettings"]

    def refused() -> str:
        answer = connect(networks, "front", "late")
        assert answer.status == 500
        assert "driver failed programming external connectivity on endpoint late (" in answer.message
        assert networks.inspect("late")["NetworkSettings"] == before
        return answer.message

    assert refused().endswith("Bind for 0.0.0.0:8302 failed: port is already allocated")
    networks.docker("rm", "-f", "first")
    with bound(networks, 8302):
        assert "failed to bind host port for 0.0.0.0:8302:" in (said := refused())
        assert said.endswith(":80/tcp: address already in use")
    assert connect(networks, "front", "late").status == 200
    assert reached(networks, "late", 8302) == [True, True]


@pytest.mark.parametrize("kind", [("-d", "macvlan", "-o", "parent=up0"), ("-o", f"{OPTION}gateway_mode_ipv4=routed")])
def test_who_leaves_another_way_out_gets_them_by_the_bridge_that_is_left(
    networks: Wharfd, kind: tuple[str, ...]
) -> None:
    with Outside(networks):
        networks.docker("network", "create", *kind, "away")
        networks.docker("run", "-d", "--name", "late", "--network", "away", "-p", "0.0.0.0:8303:80", *IDLE)
        networks.docker("network", "connect", "second", "late")
        assert ports(networks, "late")["80/tcp"] in ([], [""]), "the way out is not there"
        networks.docker("network", "disconnect", "away", "late")
        assert ports(networks, "late") == {"80/tcp": ["8303"]} and reached(networks, "late", 8303) == [True, False]
        networks.remove_all()
        networks.docker("network", "rm", "away")


def held_by_shim(engine: Wharfd, id: str, held: socket.socket) -> None:
    """Gives a shim a socket as a daemon does that is killed before it has recorded that."""
    directory = os.open(bundle(engine, id), os.O_PATH)
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(10)
        control.connect(f"/proc/self/fd/{directory}/{records.SOCKET}")
        reader = wire.Reader(control)
        how = {"protocol": "tcp", "target": None, "network": ""}
        for message, fds in (({"op": "monitor"}, ()), ({"op": "hold", "listeners": [how]}, (held.fileno(),))):
            wire.send(control, message, fds)
            assert reader.receive(), message
    os.close(directory)


def test_a_killed_wharfd(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    for arguments in (["--internal", "back"], ["front"]):
        engine.docker("network", "create", *arguments)
    for name, port in (("opened", 8305), ("cut-off", 8306)):
        engine.docker("run", "-d", "--name", name, "--network", "back", "-p", f"{port}:80", *IDLE)
    engine.docker("network", "connect", "front", "opened")
    id, inside = engine.inspect("cut-off")["Id"], engine.network_of("opened")
    engine.kill9()
    with bound(engine, 8306) as made:
        held_by_shim(engine, id, made)
    assert all(senders(inside, engine.network.path, 8305, "127.0.0.1", "::1")), "they outlive the daemon"
    engine.start()
    assert connect(engine, "front", "cut-off").status == 200, "nobody has recorded that the port is taken"
    for name, port in (("opened", 8305), ("cut-off", 8306)):
        assert ports(engine, name) == {"80/tcp": [str(port)]} and reached(engine, name, port) == [True, True]
