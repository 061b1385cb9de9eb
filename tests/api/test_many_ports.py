"""Published ports by the hundred, in ranges, by all protocols, and wanted by several at once."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from harness.answering import Answering, answer
from harness.engine import API, Answer
from harness.outside import HOST, Outside, seen
from harness.wharfd import Wharfd
from wharf.linux.namespaces import inside_network

IDLE = ("busybox", "sleep", "1000")


def created(engine: Wharfd, name: str, host_port: str = "") -> Any:
    """A container that publishes its port 80; not started."""
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "ExposedPorts": {"80/tcp": {}}}
    body["HostConfig"] = {"PortBindings": {"80/tcp": [{"HostPort": host_port}]}}
    made = engine.request("POST", f"{API}/containers/create?name={name}", body)
    assert made.status == 201, made.body
    return made.json["Id"]


def start(engine: Wharfd, id: str) -> Answer:
    return engine.request("POST", f"{API}/containers/{id}/start")


def free(engine: Wharfd, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Whether a program of the host could have a port, of both versions of IP."""
    with engine.network.path.open() as kept, inside_network(kept.fileno()):
        made = socket.socket(socket.AF_INET6, kind)
    with made:
        try:
            made.bind(("::", port))
        except OSError:
            return False
        return True


def test_a_hundred_ports_of_one_container(wharfd: Wharfd) -> None:
    ports = range(20000, 20100)
    published = [word for kind in ("", "/udp") for word in ("-p", f"20000-20099:20000-20099{kind}")]
    wharfd.docker("run", "-d", "--name", "many", *published, *IDLE)
    servers = Answering()
    servers.add("many", wharfd.network_of("many"), *ports)
    with Outside(wharfd) as outside, servers, ThreadPoolExecutor(16) as pool:
        asked = [(port, udp) for port in ports for udp in (False, True)]
        found = pool.map(lambda one: answer(outside.namespace, HOST, one[0], udp=one[1], patience=30), asked)
        assert {said.split()[0] if said else "" for said in found} == {"many"}
    assert not any(free(wharfd, port) for port in (20000, 20099))
    wharfd.docker("rm", "-f", "many")
    assert all(free(wharfd, port, kind) for port in ports for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
    assert "20050" not in wharfd.nft_elements()


def test_free_ports_for_many_at_once_are_never_the_same(wharfd: Wharfd) -> None:
    ids = [created(wharfd, f"any{number}") for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        assert {said.status for said in pool.map(lambda id: start(wharfd, id), ids)} == {204}
    bound = [wharfd.inspect(id)["NetworkSettings"]["Ports"]["80/tcp"] for id in ids]
    assert len({one[0]["HostPort"] for one in bound}) == len(ids)
    assert all(len({place["HostPort"] for place in one}) == 1 for one in bound), "IPv4 and IPv6 at the same port"


def test_a_port_that_many_want_at_once_is_one_ones(wharfd: Wharfd) -> None:
    ids = [created(wharfd, f"same{number}", "21000") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda id: start(wharfd, id), ids))
    assert sorted(one.status for one in said) == [204, *[500] * 7]
    assert all(
        "Bind for 0.0.0.0:21000 failed: port is already allocated" in one.message for one in said if one.status > 299
    )
    winner = next(id for id, one in zip(ids, said, strict=True) if one.status == 204)
    wharfd.docker("rm", "-f", winner)
    assert start(wharfd, next(id for id in ids if id != winner)).status == 204


def test_ranges_and_protocols_side_by_side(wharfd: Wharfd) -> None:
    ranged = ("run", "-d", "-p", "21010-21011:80")
    for name in ("first", "second"):
        wharfd.docker(*ranged, "--name", name, *IDLE)
    assert wharfd.docker("port", "second", "80").text.startswith("0.0.0.0:21011")
    refused = wharfd.docker(*ranged, "--name", "third", *IDLE, check=False)
    assert refused.code == 125 and "all ports are allocated" in refused.error
    places = [word for place in ("21020:80/tcp", "21020:80/udp", "21020:80/sctp") for word in ("-p", place)]
    wharfd.docker("run", "-d", "--name", "kinds", *places, *IDLE)
    addresses = ("-p", "127.0.0.1:21030:80", "-p", "127.0.0.2:21030:81", "-p", "[::1]:21030:82")
    wharfd.docker("run", "-d", "--name", "addresses", *addresses, *IDLE)
    meets = wharfd.docker("run", "-d", "--name", "meets", "-p", "21030:80", *IDLE, check=False)
    assert meets.code == 125 and "failed: port is already allocated" in meets.error


@contextmanager
def held(engine: Wharfd, family: socket.AddressFamily, kind: socket.SocketKind, port: int) -> Iterator[None]:
    """By a program of the host, at its loopback address."""
    with engine.network.path.open() as kept, inside_network(kept.fileno()):
        made = socket.socket(family, kind)
    with made:
        made.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            made.listen()
        yield


@pytest.mark.parametrize(
    ("family", "kind", "shown"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "0.0.0.0:21040"),
        (socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0:21040"),
        (socket.AF_INET6, socket.SOCK_STREAM, "[::]:21040"),
        (socket.AF_INET6, socket.SOCK_DGRAM, "[::]:21040"),
    ],
)
def test_a_port_that_a_program_of_the_host_has(
    wharfd: Wharfd, family: socket.AddressFamily, kind: socket.SocketKind, shown: str
) -> None:
    protocol = "udp" if kind == socket.SOCK_DGRAM else "tcp"
    wharfd.docker("create", "--name", "wants", "-p", f"21040:80/{protocol}", *IDLE)
    with held(wharfd, family, kind, 21040):
        refused = wharfd.docker("start", "wants", check=False)
        assert refused.code == 1 and f"failed to bind host port for {shown}" in refused.error
        assert "address already in use" in refused.error
    wharfd.docker("start", "wants")


def test_when_no_port_is_free_any_more(new_wharfd: Callable[..., Wharfd]) -> None:
    engine = new_wharfd()
    engine.inside("sysctl", "-w", "net.ipv4.ip_local_port_range=40000 40002")
    engine.restart()
    with held(engine, socket.AF_INET, socket.SOCK_STREAM, 40001):
        for name, port in (("one", "40000"), ("two", "40002")):
            engine.docker("run", "-d", "--name", name, "-p", "80", *IDLE)
            assert engine.docker("port", name, "80").text.startswith(f"0.0.0.0:{port}")
        refused = engine.docker("run", "-d", "--name", "three", "-p", "80", *IDLE, check=False)
        assert refused.code == 125 and "40001" in refused.error
    engine.docker("start", "three")
    last = engine.docker("run", "-d", "--name", "four", "-p", "80", *IDLE, check=False)
    assert last.code == 125 and last.error.splitlines()[0].endswith("all ports are allocated")


def test_all_exposed_ports_move_with_the_way_out(wharfd: Wharfd) -> None:
    for name in ("aa", "zz"):
        wharfd.docker("network", "create", name)
    wharfd.docker("run", "-d", "--name", "all", "-P", "--expose", "80", "--expose", "81/udp", "--network", "zz", *IDLE)
    before = wharfd.docker("port", "all").text
    assert len(before.splitlines()) == 4
    port = int(wharfd.docker("port", "all", "80").text.splitlines()[0].rpartition(":")[2])
    for verb, network in (("connect", "aa"), ("disconnect", "zz"), ("connect", "bridge"), ("disconnect", "aa")):
        wharfd.docker("network", verb, network, "all")
        assert wharfd.docker("port", "all").text == before
        for address in ("127.0.0.1", "::1"):
            reached = seen(wharfd.network_of("all"), wharfd.network.path, address, port, listening=80)
            assert reached, (verb, network, address)
    wharfd.docker("rm", "-f", "all")
    wharfd.docker("network", "rm", "aa", "zz")
